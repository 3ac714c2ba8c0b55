-- All movements of cover, of one partner or (null) of everybody, in order.
SELECT
    partner,
    number,
    at,
    amount,
    reference,
    digest,
    proposed_by,
    confirmed_by
FROM cover
WHERE %(partner)b::text IS NULL OR partner = %(partner)b::text
ORDER BY partner, number
