-- What accounts held beside these windows up to an edge of the log: other windows that had begun by then, and money that moved before them.
SELECT
    part.account,
    sum(part.amount)::bigint AS balance
FROM (
    SELECT
        position_slice.account,
        position_slice.debits - position_slice.credits AS amount
    FROM position_slice
    INNER JOIN lane_window
        ON position_slice.lane = lane_window.lane AND position_slice.window_id = lane_window.window_id
    WHERE
        position_slice.lane = %(lane)b
        AND lane_window.opened_size < %(until)b::bigint
        AND position_slice.window_id <> all(%(windows)b::integer[])
        AND position_slice.account = any(%(accounts)b::integer[])
    UNION ALL
    SELECT
        entry.account,
        entry.amount
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq < %(first)b::bigint
        AND entry.window_id IS NULL
        AND entry.account = any(%(accounts)b::integer[])
) AS part
GROUP BY part.account
