-- The windows that the lane has lived, in order, and how long its log is.
SELECT
    lane_window.window_id,
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
    lane_window.opened_size,
    lane_window.sealed_size,
    lane.size AS head
FROM lane_window
INNER JOIN lane ON lane_window.lane = lane.lane
INNER JOIN calendar ON lane_window.window_id = calendar.window_id
WHERE lane_window.lane = %(lane)b
ORDER BY lane_window.opened_size, lane_window.window_id
