-- What is posted in the open window, pending beside it and owed of windows before, by partner; when the window ends, and is paid. What runs
-- booked of contracts in it is left out: they settle it, and the window's own run does not. `cover` is what is lodged by now, NULL for who
-- never lodged any: its account stands next to the position.
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
    (coalesce(position_slice.debits - position_slice.credits, 0) - coalesce(shared.amount, 0))::bigint AS posted,
    cap_slice.pending,
    cap_slice.position,
    cap_slice.granted,
    calendar.value_date,
    (lodged.credits - lodged.debits)::bigint AS cover
FROM cap_slice
INNER JOIN lane_window ON cap_slice.lane = lane_window.lane AND lane_window.sealed_at IS NULL
INNER JOIN calendar ON lane_window.window_id = calendar.window_id
LEFT JOIN position_slice
    ON
        cap_slice.lane = position_slice.lane
        AND lane_window.window_id = position_slice.window_id
        AND cap_slice.account = position_slice.account
LEFT JOIN position_slice AS lodged
    ON cap_slice.lane = lodged.lane AND lodged.window_id = 0 AND cap_slice.account + 1 = lodged.account
LEFT JOIN (
    SELECT
        entry.account,
        entry.window_id,
        sum(entry.amount) AS amount
    FROM adjustment
    INNER JOIN entry ON entry.lane = %(lane)b AND adjustment.seq = entry.seq
    WHERE adjustment.lane = %(lane)b AND adjustment.reason = 'share'
    GROUP BY entry.account, entry.window_id
) AS shared
    ON lane_window.window_id = shared.window_id AND cap_slice.account = shared.account
WHERE cap_slice.lane = %(lane)b
ORDER BY cap_slice.account
