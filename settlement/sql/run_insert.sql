-- A new run; no row comes back when its name was taken meanwhile.
INSERT INTO settlement_run (
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
    turn
)
VALUES (
    %(run)b,
    %(state)b,
    %(held_because)b,
    %(inputs)b,
    %(inputs_sha256)b,
    %(result)b,
    %(result_sha256)b,
    %(value_date)b,
    %(created_at)b,
    %(created_by)b,
    0
)
ON CONFLICT DO NOTHING
RETURNING run
