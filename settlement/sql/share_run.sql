-- The inputs of a run that is final, if it is there.
SELECT inputs
FROM settlement_run
WHERE run = %(run)b AND state IN ('frozen', 'instructed', 'paying', 'settled')
