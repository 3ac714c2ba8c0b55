-- The windows of a run as the lane lived them: which events of the log are their own.
SELECT
    calendar.window_id,
    calendar.code,
    calendar.opens_at,
    calendar.closes_at,
    lane_window.opened_size AS first,
    lane_window.sealed_size AS until
FROM settlement_run_window
INNER JOIN calendar ON settlement_run_window.window_id = calendar.window_id
INNER JOIN lane_window ON lane_window.lane = %(lane)b AND settlement_run_window.window_id = lane_window.window_id
WHERE settlement_run_window.run = %(run)b
ORDER BY calendar.opens_at
