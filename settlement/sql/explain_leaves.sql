-- The entries that a figure is the sum of, after one of them, in the order in which they were booked.
SELECT
    entry.seq,
    entry.line,
    leaf.at,
    leaf.kind,
    entry.exchange_id,
    entry.account,
    entry.window_id,
    entry.amount
FROM entry
INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
WHERE
    entry.lane = %(lane)b
    AND entry.seq >= %(first)b::bigint
    AND entry.seq < %(until)b::bigint
    AND (entry.seq, entry.line) > (%(after_seq)b::bigint, %(after_line)b::smallint)
    AND (entry.account = %(account)b::integer OR %(account)b::integer IS NULL)
    AND (entry.window_id = any(%(windows)b::integer[]) OR %(windows)b::integer[] IS NULL)
    AND (sign(entry.amount) = %(sign)b::integer OR %(sign)b::integer = 0)
    AND (entry.exchange_id = any(%(exchange_id)b::uuid[]) OR %(exchange_id)b::uuid[] IS NULL)
ORDER BY entry.seq, entry.line
LIMIT %(most)b::bigint
