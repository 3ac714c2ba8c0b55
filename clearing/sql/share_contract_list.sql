-- All versions of a sharing contract, or of every one, in order.
SELECT
    contract,
    version,
    valid_from,
    published_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM share_contract
WHERE %(contract)b::text IS NULL OR contract = %(contract)b
ORDER BY contract, version
