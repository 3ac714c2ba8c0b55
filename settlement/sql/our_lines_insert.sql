-- What each exchange or adjustment booked on the partner's position in the window: entries from the first event of the window to its last.
INSERT INTO our_line (run, our_id, reference, at, amount, points)
SELECT
    %(run)b::bigint AS run,
    booked.exchange_id,
    coalesce(exchange.reference, adjustment.reference) AS reference,
    coalesce(exchange.posted_at, adjustment.at) AS at,
    booked.amount,
    CASE
        WHEN exchange.exchange_id IS NULL THEN 0
        WHEN target.partner = %(partner)b::text THEN exchange.received
        WHEN exchange.sent > 0 THEN exchange.sent
        ELSE exchange.received
    END AS points
FROM (
    SELECT
        entry.exchange_id,
        sum(entry.amount)::bigint AS amount
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = %(window_id)b
        AND entry.account = %(account)b
    GROUP BY entry.exchange_id
    HAVING sum(entry.amount) <> 0
) AS booked
LEFT JOIN exchange ON exchange.lane = %(lane)b AND booked.exchange_id = exchange.exchange_id
LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND booked.exchange_id = adjustment.adjustment_id
LEFT JOIN program AS target ON exchange.target_program = target.program
