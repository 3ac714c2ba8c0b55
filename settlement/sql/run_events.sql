-- The steps of a run, in order.
SELECT
    number,
    at,
    step,
    key_id,
    evidence_id,
    detail
FROM settlement_run_event
WHERE run = %(run)b
ORDER BY number
