-- What partners paid the house in fees in some windows, by kind of exchange: the fee and the rounding inside it, without bonuses and
-- adjustments, as on their statements. What a reversal gave back is told of the document that billed the original, if there is one. It is left
-- out where another run settled the original without a document: no tax was charged that could be given back. `awaits` is the window of
-- an original that no run has settled yet, so that nobody can say which of the two it is.
-- An event has an entry of the fee, one of the rounding, or both: the exchange says whether there was a fee beside the rounding, but not where
-- only a part was captured: those are `doubtful`, and invoice_parts tells them. Originals are looked up once all that has none is added up.
-- Nothing is grouped by but columns of the exchange, so that every worker adds up its rows for itself.
WITH billed AS (
    SELECT
        settlement_run_window.window_id,
        settlement_invoice.partner,
        settlement_invoice.invoice
    FROM settlement_invoice
    INNER JOIN settlement_run_window
        ON settlement_invoice.run = settlement_run_window.run AND settlement_run_window.live
    WHERE settlement_invoice.corrects IS NULL
),

frozen AS (
    SELECT settlement_run_window.window_id
    FROM settlement_run_window
    INNER JOIN settlement_run ON settlement_run_window.run = settlement_run.run
    WHERE settlement_run_window.live AND settlement_run.state IN ('frozen', 'instructed', 'paying', 'settled')
),

booked AS (
    SELECT
        exchange.source_program,
        CASE WHEN num_nulls(exchange.source_program, exchange.target_program) = 1 THEN exchange.partner END AS alone,
        exchange.kind,
        exchange.original_id,
        count(*) FILTER (WHERE entry.account = 14 OR exchange.fee = exchange.rounding) AS bookings,
        count(*) FILTER (
            WHERE entry.account = 15 AND exchange.fee > exchange.rounding AND exchange.captured > 0 AND exchange.captured < exchange.sent
        ) AS doubtful,
        sum(entry.amount) AS amount
    FROM entry
    INNER JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account IN (14, 15)
        AND entry.seq <> all(
            array(
                SELECT leaf.seq
                FROM leaf
                WHERE
                    leaf.lane = %(lane)b
                    AND leaf.seq >= %(first)b::bigint
                    AND leaf.seq < %(until)b::bigint
                    AND leaf.kind IN ('bonus_posted', 'bonus_returned')
            )
        )
    GROUP BY 1, 2, 3, 4
),

told AS (
    SELECT
        coalesce(program.partner, booked.alone) AS partner,
        coalesce(original.kind, booked.kind) AS kind,
        booked.original_id IS NOT NULL AS returned,
        original.window_id AS original_window,
        booked.bookings,
        booked.doubtful,
        booked.amount
    FROM booked
    LEFT JOIN program ON booked.source_program = program.program
    LEFT JOIN LATERAL (
        SELECT
            exchange.kind,
            exchange.window_id
        FROM exchange
        WHERE exchange.lane = %(lane)b AND exchange.exchange_id = booked.original_id
        ORDER BY 1
        LIMIT 1
    ) AS original ON TRUE
)

SELECT
    told.partner,
    coalesce(billed.invoice, '') AS corrects,
    told.kind,
    told.returned,
    CASE WHEN told.returned AND frozen.window_id IS NULL THEN calendar.code ELSE '' END AS awaits,
    sum(told.bookings)::integer AS bookings,
    sum(told.doubtful)::integer AS doubtful,
    -sum(told.amount)::bigint AS micros
FROM told
LEFT JOIN billed
    ON told.returned AND told.original_window = billed.window_id AND told.partner = billed.partner
LEFT JOIN frozen ON told.original_window = frozen.window_id
LEFT JOIN calendar ON told.original_window = calendar.window_id
WHERE
    NOT told.returned
    OR told.original_window = any(%(windows)b::integer[])
    OR billed.invoice IS NOT NULL
    OR frozen.window_id IS NULL
GROUP BY 1, 2, 3, 4, 5
HAVING sum(told.amount) <> 0
ORDER BY 1, 2, 3, 4, 5
