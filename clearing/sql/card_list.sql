-- All versions of all rate cards that were ever published.
SELECT
    document,
    digest,
    proposed_by,
    confirmed_by
FROM rate_card
ORDER BY source, target, version
