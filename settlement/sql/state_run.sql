-- A run that is final, with the instant of its freezing; no row for any other.
SELECT
    settlement_run.inputs,
    frozen.at AS frozen_at
FROM settlement_run
INNER JOIN settlement_run_event AS frozen ON settlement_run.run = frozen.run AND frozen.step = 'frozen'
WHERE settlement_run.run = %(run)b
