-- The window that this lane has open although its cut-off has passed.
SELECT calendar.code
FROM lane
INNER JOIN calendar ON lane.window_id = calendar.window_id
WHERE
    lane.lane = %(lane)b
    AND least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) <= %(now)b
