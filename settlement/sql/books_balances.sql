-- What accounts held at an edge of the log: kept sums, and the entries without a window that those sums lack or have too many.
SELECT
    part.account,
    sum(part.amount)::bigint AS balance
FROM (
    SELECT
        position_slice.account,
        position_slice.debits - position_slice.credits AS amount
    FROM position_slice
    WHERE position_slice.lane = %(lane)b AND position_slice.window_id = any(%(window_id)b::integer[])
    UNION ALL
    SELECT
        entry.account,
        entry.amount * %(sign)b::bigint AS amount
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id IS NULL
) AS part
GROUP BY part.account
ORDER BY part.account
