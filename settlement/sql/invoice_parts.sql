-- Of exchanges of which only a part was captured in some windows: the events that booked a rounding and no fee, though the whole had one.
SELECT
    coalesce(program.partner, exchange.partner) AS partner,
    exchange.kind,
    count(*)::integer AS bookings
FROM exchange
INNER JOIN entry ON exchange.lane = entry.lane AND exchange.exchange_id = entry.exchange_id
LEFT JOIN program ON exchange.source_program = program.program
WHERE
    exchange.lane = %(lane)b
    AND exchange.captured > 0
    AND exchange.captured < exchange.sent
    AND exchange.fee > exchange.rounding
    AND entry.seq >= %(first)b::bigint
    AND entry.seq < %(until)b::bigint
    AND entry.window_id = any(%(windows)b::integer[])
    AND entry.account = 15
    AND NOT EXISTS (
        SELECT 1
        FROM entry AS beside
        WHERE beside.lane = %(lane)b AND beside.seq = entry.seq AND beside.account = 14
    )
    AND NOT EXISTS (
        SELECT 1
        FROM leaf
        WHERE leaf.lane = %(lane)b AND leaf.seq = entry.seq AND leaf.kind IN ('bonus_posted', 'bonus_returned')
    )
GROUP BY 1, 2
