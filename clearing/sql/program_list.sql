-- All programs, with the numbers of the partners that sign for them.
SELECT
    program.program AS code,
    program.number,
    program.partner,
    partner.number AS partner_number,
    program.name,
    program.unit_name,
    program.adapter,
    program.endpoint,
    program.capabilities,
    program.nature
FROM program
INNER JOIN partner ON program.partner = partner.partner
