-- What the house took in each event of some windows that booked a captured part of an exchange.
SELECT
    entry.seq,
    -sum(entry.amount)::bigint AS earned
FROM exchange
INNER JOIN entry ON exchange.lane = entry.lane AND exchange.exchange_id = entry.exchange_id
WHERE
    exchange.lane = %(lane)b
    AND exchange.captured > 0
    AND exchange.captured < exchange.sent
    AND entry.seq >= %(first)b::bigint
    AND entry.seq < %(until)b::bigint
    AND entry.window_id = any(%(windows)b::integer[])
    AND entry.account IN (14, 15)
GROUP BY entry.seq
