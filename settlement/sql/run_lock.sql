-- One file of a bank at a time: the run's row is held until the transaction ends.
SELECT run
FROM settlement_run
WHERE run = %(run)b
FOR UPDATE
