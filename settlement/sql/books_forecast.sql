-- What is posted in the open window, pending beside it and owed of windows before, by partner; when the window ends, and is paid.
SELECT
    cap_slice.account,
    calendar.code,
    least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) AS closes_at,
    coalesce(position_slice.debits - position_slice.credits, 0)::bigint AS posted,
    cap_slice.pending,
    cap_slice.position,
    cap_slice.granted,
    calendar.value_date
FROM cap_slice
INNER JOIN lane_window ON cap_slice.lane = lane_window.lane AND lane_window.sealed_at IS NULL
INNER JOIN calendar ON lane_window.window_id = calendar.window_id
LEFT JOIN position_slice
    ON
        cap_slice.lane = position_slice.lane
        AND lane_window.window_id = position_slice.window_id
        AND cap_slice.account = position_slice.account
WHERE cap_slice.lane = %(lane)b
ORDER BY cap_slice.account
