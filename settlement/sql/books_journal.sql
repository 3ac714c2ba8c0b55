-- The entries of the log from one place to another, each with its event, in the order in which they were booked; and why, where value or money
-- moved without an exchange.
SELECT
    entry.seq,
    leaf.at,
    leaf.kind,
    entry.exchange_id,
    entry.account,
    entry.amount,
    adjustment.kind AS adjusted,
    adjustment.reason,
    adjustment.reference
FROM entry
INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND entry.exchange_id = adjustment.adjustment_id
WHERE entry.lane = %(lane)b AND entry.seq >= %(first)b::bigint AND entry.seq < %(until)b::bigint
ORDER BY entry.seq, entry.line
