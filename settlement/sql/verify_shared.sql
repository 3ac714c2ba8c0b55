-- What later runs read of what runs shared: every base, and what was given back of one, as they are kept.
SELECT
    run,
    jsonb_build_array('shared', contract, window_id, version, micros, before, after, closing) AS said
FROM settlement_share
UNION ALL
SELECT
    run,
    jsonb_build_array('undone', contract, window_id, since, until) AS said
FROM settlement_share_undone
