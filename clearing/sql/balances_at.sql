-- What these accounts held at an edge of the log: kept sums of windows, and the entries between the edge and where those sums stop.
SELECT
    part.account,
    sum(part.amount)::bigint AS balance
FROM (
    SELECT
        position_slice.account,
        position_slice.debits - position_slice.credits AS amount
    FROM position_slice
    WHERE
        position_slice.lane = %(lane)b
        AND position_slice.window_id = any(%(window_id)b)
        AND position_slice.account = any(%(account)b)
    UNION ALL
    SELECT
        entry.account,
        entry.amount * %(cut_sign)b::bigint AS amount
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(cut_first)b
        AND entry.seq < %(cut_until)b
        AND entry.window_id = %(cut_window)b
        AND entry.account = any(%(account)b)
    UNION ALL
    SELECT
        entry.account,
        entry.amount * %(loose_sign)b::bigint AS amount
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(loose_first)b
        AND entry.seq < %(loose_until)b
        AND entry.window_id IS NULL
        AND entry.account = any(%(account)b)
) AS part
GROUP BY part.account
ORDER BY part.account
