-- The second key approves.
UPDATE settlement_run
SET
    state = 'approved',
    approved_by = %(by)b
WHERE run = %(run)b AND state = 'previewed' AND previewed_by <> %(by)b
RETURNING run
