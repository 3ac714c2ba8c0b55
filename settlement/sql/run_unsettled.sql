-- Windows that the lane has sealed with value in them and that no run settles, the oldest first.
SELECT calendar.code
FROM lane_window
INNER JOIN calendar ON lane_window.window_id = calendar.window_id
WHERE
    lane_window.lane = %(lane)b
    AND lane_window.sealed_at IS NOT NULL
    AND EXISTS (
        SELECT 1 FROM position_slice
        WHERE
            position_slice.lane = lane_window.lane
            AND position_slice.window_id = lane_window.window_id
            AND mod(position_slice.account, 16) IN (8, 14, 15)
    )
    AND NOT EXISTS (
        SELECT 1 FROM settlement_run_window
        WHERE settlement_run_window.window_id = lane_window.window_id AND settlement_run_window.live
    )
ORDER BY lane_window.window_id
