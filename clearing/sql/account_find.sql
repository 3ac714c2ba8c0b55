-- One account by the keyed hash of its membership number.
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
WHERE lane = %(lane)b AND program = %(program)b AND number_index = %(number_index)b
