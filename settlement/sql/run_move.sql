-- Move a run on from the state it is in; no row comes back when it is in another by now.
UPDATE settlement_run
SET state = %(state)b
WHERE run = %(run)b AND state = any(%(expected)b)
RETURNING run
