-- The last base of each contract that a frozen run shared before a window.
SELECT DISTINCT ON (shared.contract)
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
    0::bigint AS undone
FROM settlement_share AS shared
INNER JOIN calendar ON shared.window_id = calendar.window_id
INNER JOIN settlement_run ON shared.run = settlement_run.run
WHERE
    settlement_run.state IN ('frozen', 'instructed', 'paying', 'settled')
    AND shared.window_id < %(window_id)b::integer
ORDER BY shared.contract ASC, shared.window_id DESC
