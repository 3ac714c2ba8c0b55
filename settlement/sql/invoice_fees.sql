-- What partners paid the house in fees in some windows, by kind of exchange: the fee and the rounding inside it, without bonuses and
-- adjustments, as on their statements. What a reversal gave back is told of the document that billed the original, if there is one. It is left
-- out where another run settled the original without a document: no tax was charged that could be given back. `awaits` is the window of
-- an original that no run has settled yet, so that nobody can say which of the two it is.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
),

billed AS (
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

told AS (
    SELECT
        entry.seq,
        entry.amount,
        coalesce(source.number, alone.number) AS number,
        coalesce(original.kind, exchange.kind) AS kind,
        exchange.original_id IS NOT NULL AS returned,
        original.window_id AS original_window
    FROM entry
    INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
    INNER JOIN exchange ON exchange.lane = %(lane)b AND entry.exchange_id = exchange.exchange_id
    LEFT JOIN exchange AS original ON original.lane = %(lane)b AND exchange.original_id = original.exchange_id
    LEFT JOIN signing AS source ON exchange.source_program = source.program
    LEFT JOIN partner AS alone
        ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account IN (14, 15)
        AND leaf.kind NOT IN ('bonus_posted', 'bonus_returned')
)

SELECT
    partner.partner,
    coalesce(billed.invoice, '') AS corrects,
    told.kind,
    told.returned,
    CASE WHEN told.returned AND frozen.window_id IS NULL THEN calendar.code ELSE '' END AS awaits,
    count(DISTINCT told.seq)::integer AS bookings,
    -sum(told.amount)::bigint AS micros
FROM told
INNER JOIN partner ON told.number = partner.number
LEFT JOIN billed
    ON told.returned AND told.original_window = billed.window_id AND partner.partner = billed.partner
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
