-- The entries that an invoice bills, after one of them, each with the sum up to it: those that invoice_fees added up, which says why. NULL for
-- `kind` and `returned` is all of its lines. One row at least, for `whole`.
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

counted AS (
    SELECT
        entry.seq,
        entry.line,
        leaf.at,
        leaf.kind,
        entry.exchange_id,
        entry.account,
        entry.window_id,
        entry.amount,
        sum(entry.amount) OVER (ORDER BY entry.seq, entry.line) AS so_far
    FROM entry
    INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
    INNER JOIN exchange ON exchange.lane = %(lane)b AND entry.exchange_id = exchange.exchange_id
    LEFT JOIN exchange AS original ON original.lane = %(lane)b AND exchange.original_id = original.exchange_id
    LEFT JOIN signing AS source ON exchange.source_program = source.program
    LEFT JOIN partner AS alone
        ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
    INNER JOIN partner AS billed_to ON billed_to.partner = %(partner)b
    LEFT JOIN billed ON original.window_id = billed.window_id AND billed_to.partner = billed.partner
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account IN (14, 15)
        AND leaf.kind NOT IN ('bonus_posted', 'bonus_returned')
        AND coalesce(source.number, alone.number) = billed_to.number
        AND CASE
            WHEN exchange.original_id IS NULL OR original.window_id = any(%(windows)b::integer[]) THEN %(corrects)b::text IS NULL
            ELSE billed.invoice = %(corrects)b::text
        END
        AND (coalesce(original.kind, exchange.kind) = %(kind)b::text OR %(kind)b::text IS NULL)
        AND ((exchange.original_id IS NOT NULL) = %(returned)b::boolean OR %(returned)b::boolean IS NULL)
),

page AS (
    SELECT *
    FROM counted
    WHERE (seq, line) > (%(after_seq)b::bigint, %(after_line)b::smallint)
    ORDER BY seq, line
    LIMIT %(most)b::bigint
)

SELECT
    summed.whole,
    page.seq,
    page.line,
    page.at,
    page.kind,
    page.exchange_id,
    page.account,
    page.window_id,
    page.amount,
    page.so_far::bigint AS so_far
FROM (SELECT coalesce(sum(counted.amount), 0)::bigint AS whole FROM counted) AS summed
LEFT JOIN page ON TRUE
ORDER BY page.seq, page.line
