-- Accounts by their tokens, for a quote.
SELECT
    account,
    lane,
    program,
    number_mask,
    linked_at,
    wrapped IS NULL AS erased
FROM account
WHERE lane = %(lane)b AND account = any(%(account)b::uuid[])
