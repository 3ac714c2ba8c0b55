-- One account by its token.
SELECT
    lane,
    account,
    program,
    number_mask AS masked,
    linked_at,
    closed_at,
    merged_into,
    erased_at
FROM account
WHERE lane = %(lane)b AND account = %(account)b
