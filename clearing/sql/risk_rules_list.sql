-- All versions of the risk rules that were ever published, in order.
SELECT
    version,
    published_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM risk_rules
ORDER BY version
