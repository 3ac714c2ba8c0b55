-- What the exchanges of each pair booked to each account of value in a window. Its events are those from its first to its last.
SELECT
    exchange.source_program,
    exchange.target_program,
    CASE WHEN num_nulls(exchange.source_program, exchange.target_program) = 1 THEN exchange.partner END AS partner,
    entry.account,
    sum(entry.amount)::bigint AS amount
FROM entry
LEFT JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
WHERE
    entry.lane = %(lane)b
    AND entry.seq >= %(first)b
    AND entry.seq < %(until)b
    AND entry.window_id = %(window_id)b
    AND mod(entry.account, 16) = any(%(kinds)b)
GROUP BY 1, 2, 3, 4
