-- One run.
SELECT
    run,
    state,
    held_because,
    inputs,
    inputs_sha256,
    result,
    result_sha256,
    value_date,
    created_at,
    created_by,
    previewed_by,
    approved_by,
    turn
FROM settlement_run
WHERE run = %(run)b
