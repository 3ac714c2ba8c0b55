-- Partners and the programs they sign for, by the numbers under which they have accounts.
SELECT
    partner.partner,
    partner.number,
    program.program,
    program.number AS program_number,
    program.unit_name
FROM partner
LEFT JOIN program ON program.partner = partner.partner
ORDER BY partner.number, program.number
