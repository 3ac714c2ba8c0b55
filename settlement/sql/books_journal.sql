-- The entries of the log from one place to another, each with its event, in the order in which they were booked.
SELECT
    entry.seq,
    leaf.at,
    leaf.kind,
    entry.exchange_id,
    entry.account,
    entry.amount
FROM entry
INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
WHERE entry.lane = %(lane)b AND entry.seq >= %(first)b::bigint AND entry.seq < %(until)b::bigint
ORDER BY entry.seq, entry.line
