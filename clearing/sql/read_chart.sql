-- The numbers under which programs and the partners that sign for them have accounts.
SELECT
    program.program,
    program.number,
    partner.partner,
    partner.number AS partner_number
FROM partner
LEFT JOIN program ON program.partner = partner.partner
