-- What every partner owes (plus) or is owed (minus) for each window, and when that window ended.
SELECT
    position_slice.account,
    position_slice.window_id,
    least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) AS closes_at,
    position_slice.debits - position_slice.credits AS net
FROM position_slice
INNER JOIN calendar ON position_slice.window_id = calendar.window_id
WHERE
    position_slice.lane = %(lane)b
    AND mod(position_slice.account, 16) = 8
    AND position_slice.debits <> position_slice.credits
ORDER BY position_slice.account, closes_at
