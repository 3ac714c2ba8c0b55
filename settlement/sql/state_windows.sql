-- The windows of a run as the lane lived them: which events of the log are their own. A later calendar may have ended one before its time.
SELECT
    calendar.window_id,
    calendar.code,
    calendar.opens_at,
    least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) AS closes_at,
    lane_window.opened_size AS first,
    lane_window.sealed_size AS until,
    calendar.scheme_version
FROM settlement_run_window
INNER JOIN calendar ON settlement_run_window.window_id = calendar.window_id
INNER JOIN lane_window ON lane_window.lane = %(lane)b AND settlement_run_window.window_id = lane_window.window_id
WHERE settlement_run_window.run = %(run)b
ORDER BY calendar.opens_at
