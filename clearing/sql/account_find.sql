-- The open account of a membership number, by its keyed hash.
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
WHERE lane = %(lane)b AND program = %(program)b AND number_index = %(number_index)b AND closed_at IS NULL
