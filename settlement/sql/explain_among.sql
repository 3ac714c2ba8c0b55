-- The entries of some accounts in the windows of a run, after one of them, each with the sum up to it: without what runs booked of contracts in
-- these windows, and with the events of `bookings`, wherever they stand. NULL for `exchange_id` is all. One row at least, for `whole`.
WITH counted AS (
    SELECT
        entry.seq,
        entry.line,
        entry.exchange_id,
        entry.account,
        entry.window_id,
        entry.amount,
        sum(entry.amount) OVER (ORDER BY entry.seq, entry.line) AS so_far
    FROM entry
    LEFT JOIN adjustment
        ON
            adjustment.lane = %(lane)b
            AND entry.exchange_id = adjustment.adjustment_id
            AND adjustment.reason = 'share'
    WHERE
        entry.lane = %(lane)b
        AND entry.account = any(%(accounts)b::integer[])
        AND (entry.exchange_id = any(%(exchange_id)b::uuid[]) OR %(exchange_id)b::uuid[] IS NULL)
        AND (
            entry.seq = any(%(bookings)b::bigint[])
            OR (
                entry.seq >= %(first)b::bigint
                AND entry.seq < %(until)b::bigint
                AND entry.window_id = any(%(windows)b::integer[])
                AND adjustment.seq IS NULL
            )
        )
),

page AS (
    SELECT
        counted.*,
        leaf.at,
        leaf.kind
    FROM counted
    INNER JOIN leaf ON leaf.lane = %(lane)b AND counted.seq = leaf.seq
    WHERE (counted.seq, counted.line) > (%(after_seq)b::bigint, %(after_line)b::smallint)
    ORDER BY counted.seq, counted.line
    LIMIT %(most)b::bigint
)

SELECT
    summed.whole,
    page.seq,
    page.line,
    page.at,
    page.kind,
    page.exchange_id,
    page.account,
    page.window_id,
    page.amount,
    page.so_far::bigint AS so_far
FROM (SELECT coalesce(sum(counted.amount), 0)::bigint AS whole FROM counted) AS summed
LEFT JOIN page ON TRUE
ORDER BY page.seq, page.line
