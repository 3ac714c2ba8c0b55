-- One partner.
SELECT
    partner AS code,
    number,
    name
FROM partner
WHERE partner = %(partner)b
