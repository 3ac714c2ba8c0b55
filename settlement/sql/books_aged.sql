-- What every partner owes (plus) or is owed (minus) for each window, and when that window ended. What runs booked of contracts is of the
-- window that they shared, where their payment is, and not of the one in which it stands.
WITH net AS (
    SELECT
        position_slice.account,
        position_slice.window_id,
        position_slice.debits - position_slice.credits AS amount
    FROM position_slice
    WHERE position_slice.lane = %(lane)b AND mod(position_slice.account, 16) = 8
    UNION ALL
    SELECT
        entry.account,
        moved.window_id,
        CASE WHEN moved.window_id = adjustment.of_window THEN entry.amount ELSE -entry.amount END AS amount
    FROM adjustment
    INNER JOIN entry ON entry.lane = %(lane)b AND adjustment.seq = entry.seq AND mod(entry.account, 16) = 8
    CROSS JOIN LATERAL (VALUES (adjustment.window_id), (adjustment.of_window)) AS moved (window_id)
    WHERE adjustment.lane = %(lane)b AND adjustment.reason = 'share' AND adjustment.window_id <> adjustment.of_window
)

SELECT
    net.account,
    net.window_id,
    least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) AS closes_at,
    sum(net.amount)::bigint AS net
FROM net
INNER JOIN calendar ON net.window_id = calendar.window_id
GROUP BY net.account, net.window_id, calendar.closes_at, calendar.version, calendar.opens_at
HAVING sum(net.amount) <> 0
ORDER BY net.account, closes_at, net.window_id
