-- Accounts by their tokens, for a quote.
SELECT
    lane,
    account,
    program,
    number_mask,
    linked_at,
    closed_at,
    merged_into,
    erased_at
FROM account
WHERE lane = %(lane)b AND account = any(%(account)b::uuid[])
