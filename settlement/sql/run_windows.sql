-- These windows that count, each with what the lane sealed of it; nothing is sealed where it did not.
SELECT
    calendar.window_id,
    calendar.code,
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
    lane_window.sealed_root,
    calendar.advice_date,
    calendar.value_date,
    calendar.scheme_version
FROM calendar
LEFT JOIN lane_window ON lane_window.lane = %(lane)b AND calendar.window_id = lane_window.window_id
WHERE
    calendar.code = any(%(codes)b)
    AND NOT EXISTS (
        SELECT 1
        FROM calendar_version AS later
        WHERE later.version > calendar.version AND later.begins_at <= calendar.opens_at
    )
ORDER BY calendar.window_id
