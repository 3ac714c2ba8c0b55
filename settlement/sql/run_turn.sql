-- Begin to write what a bank says of a run; no row comes back when somebody else wrote since this turn was read.
UPDATE settlement_run
SET turn = turn + 1
WHERE run = %(run)b AND turn = %(turn)b
RETURNING turn
