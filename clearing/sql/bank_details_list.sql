-- All versions of the bank details of a partner, or of everybody, in order.
SELECT
    partner,
    version,
    valid_from,
    published_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM bank_details
WHERE %(partner)b::text IS NULL OR partner = %(partner)b
ORDER BY partner, version
