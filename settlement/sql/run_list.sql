-- All runs, the newest first.
SELECT
    run,
    state,
    held_because,
    result_sha256,
    value_date,
    created_at
FROM settlement_run
ORDER BY created_at DESC, run DESC
