-- The first key says that it looked at the result.
UPDATE settlement_run
SET
    state = 'previewed',
    previewed_by = %(by)b
WHERE run = %(run)b AND state = 'drafted'
RETURNING run
