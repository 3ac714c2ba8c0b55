-- How many runs began with this window's code.
SELECT count(*) AS known
FROM settlement_run
WHERE starts_with(run, %(prefix)b)
