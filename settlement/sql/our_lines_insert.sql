-- What each exchange or adjustment booked on the partner's position in the window: the entries between the window's two ends of the log.
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
    FROM lane_window
    INNER JOIN entry
        ON
            lane_window.lane = entry.lane
            AND lane_window.window_id = entry.window_id
            AND entry.seq >= lane_window.opened_size
            AND entry.seq < coalesce(lane_window.sealed_size, 9223372036854775807)
    WHERE
        lane_window.lane = %(lane)b
        AND lane_window.window_id = %(window_id)b
        AND entry.account = %(account)b
    GROUP BY entry.exchange_id
    HAVING sum(entry.amount) <> 0
) AS booked
LEFT JOIN exchange ON exchange.lane = %(lane)b AND booked.exchange_id = exchange.exchange_id
LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND booked.exchange_id = adjustment.adjustment_id
LEFT JOIN program AS target ON exchange.target_program = target.program
