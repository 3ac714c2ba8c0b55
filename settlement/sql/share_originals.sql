-- The bases that frozen runs shared of these windows, each with what was given back of it before, by frozen runs of
-- windows before the last of a run's own.
SELECT
    shared.run,
    shared.contract,
    shared.version,
    shared.window_id,
    calendar.code,
    calendar.opens_at,
    shared.micros,
    shared.before,
    shared.after,
    shared.closing,
    (
        SELECT coalesce(max(back.until), 0)
        FROM settlement_share_undone AS back
        INNER JOIN settlement_run AS later ON back.run = later.run
        WHERE
            back.contract = shared.contract
            AND back.window_id = shared.window_id
            AND later.state IN ('frozen', 'instructed', 'paying', 'settled')
            AND (
                SELECT max(taken.window_id) FROM settlement_run_window AS taken
                WHERE taken.run = later.run
            ) < %(last)b::integer
    )::bigint AS undone
FROM settlement_share AS shared
INNER JOIN calendar ON shared.window_id = calendar.window_id
INNER JOIN settlement_run ON shared.run = settlement_run.run
WHERE
    settlement_run.state IN ('frozen', 'instructed', 'paying', 'settled')
    AND shared.window_id = any(%(windows)b::integer[])
ORDER BY shared.contract, shared.window_id
