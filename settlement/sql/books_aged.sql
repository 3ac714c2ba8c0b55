-- What every partner owed (plus) or was owed (minus) for each window when the log had `size` events, and when that window ends: the kept sums
-- less what came since. What runs booked of contracts is of the window that they shared, where their payment is, and not of the one in which
-- it stands.
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
        entry.window_id,
        -entry.amount AS amount
    FROM entry
    WHERE entry.lane = %(lane)b AND entry.seq >= %(size)b::bigint AND mod(entry.account, 16) = 8
    UNION ALL
    SELECT
        entry.account,
        moved.window_id,
        CASE WHEN moved.window_id = adjustment.of_window THEN entry.amount ELSE -entry.amount END AS amount
    FROM adjustment
    INNER JOIN entry ON entry.lane = %(lane)b AND adjustment.seq = entry.seq AND mod(entry.account, 16) = 8
    CROSS JOIN LATERAL (VALUES (adjustment.window_id), (adjustment.of_window)) AS moved (window_id)
    WHERE
        adjustment.lane = %(lane)b
        AND adjustment.seq < %(size)b::bigint
        AND adjustment.reason = 'share'
        AND adjustment.window_id <> adjustment.of_window
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
