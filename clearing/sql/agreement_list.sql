-- All versions that were ever published, of one partner or (null) of everybody.
SELECT
    partner,
    version,
    announced_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM agreement
WHERE %(partner)b::text IS NULL OR partner = %(partner)b::text
ORDER BY partner, version
