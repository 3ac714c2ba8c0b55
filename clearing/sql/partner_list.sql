-- All partners.
SELECT
    partner AS code,
    number,
    name
FROM partner
