-- The windows of a run; those that are in another live one do not come back.
INSERT INTO settlement_run_window (run, window_id, live)
SELECT
    %(run)b,
    wanted.window_id,
    TRUE AS live
FROM unnest(%(windows)b::integer[]) AS wanted (window_id)
ON CONFLICT DO NOTHING
RETURNING window_id
