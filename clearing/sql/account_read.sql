-- One account by its token.
SELECT
    lane,
    account,
    program,
    number_mask AS masked,
    linked_at,
    kek_id,
    wrapped,
    seal_nonce,
    box
FROM account
WHERE lane = %(lane)b AND account = %(account)b
