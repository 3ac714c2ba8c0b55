-- The entries that a shared base is the sum of, or what was reversed of one, after one of them, each with the sum up to it. They are those
-- that share_sums adds up: of windows and, of reversals, with originals in `of_windows`; `with_own` says whether originals count too. A
-- `reader` is given its own entries (`mine`) and the sums of these alone, beside the exchanges that it asked for; NULL is given all. One row
-- at least, for `whole`, the sum of all, and `whole_mine`.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
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
        exchange.partner,
        %(reader)b::text IS NULL
        OR entry.account = (SELECT partner.number * 16 + 8 FROM partner WHERE partner.partner = %(reader)b::text) AS mine
    FROM entry
    INNER JOIN exchange ON exchange.lane = %(lane)b AND entry.exchange_id = exchange.exchange_id
    INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
    INNER JOIN lane_window ON lane_window.lane = %(lane)b AND entry.window_id = lane_window.window_id
    LEFT JOIN exchange AS original ON original.lane = %(lane)b AND exchange.original_id = original.exchange_id
    LEFT JOIN signing AS source ON exchange.source_program = source.program
    LEFT JOIN partner AS alone
        ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= lane_window.opened_size
        AND entry.seq < lane_window.sealed_size
        AND entry.window_id = any(%(windows)b::integer[])
        AND CASE WHEN original.exchange_id IS NULL THEN %(with_own)b::boolean
            ELSE original.window_id = %(of_window)b::integer
        END
        AND leaf.kind NOT IN ('bonus_posted', 'bonus_returned')
        AND (exchange.source_program = %(source)b::text OR %(source)b::text IS NULL)
        AND (exchange.target_program = %(target)b::text OR %(target)b::text IS NULL)
        AND (%(program)b::text IN (exchange.source_program, exchange.target_program) OR %(program)b::text IS NULL)
        AND CASE WHEN %(figure)b::text = 'fee'
                THEN entry.account IN (14, 15)
            ELSE
                entry.account = coalesce(source.number, alone.number) * 16 + 8
                AND (entry.amount > 0) = (exchange.original_id IS NULL)
        END
),

summed AS (
    SELECT
        coalesce(sum(amount), 0)::bigint AS whole,
        coalesce(sum(amount) FILTER (WHERE mine), 0)::bigint AS whole_mine
    FROM counted
),

seen AS (
    SELECT
        seq,
        line,
        at,
        kind,
        exchange_id,
        account,
        window_id,
        amount,
        mine,
        coalesce(sum(amount) FILTER (WHERE mine) OVER (ORDER BY seq, line), 0)::bigint AS so_far
    FROM counted
    WHERE mine OR partner = %(reader)b::text
),

page AS (
    SELECT *
    FROM seen
    WHERE (seq, line) > (%(after_seq)b::bigint, %(after_line)b::smallint)
    ORDER BY seq, line
    LIMIT %(most)b::bigint
)

SELECT
    summed.whole,
    summed.whole_mine,
    page.seq,
    page.line,
    page.at,
    page.kind,
    page.exchange_id,
    page.account,
    page.window_id,
    page.amount,
    page.mine,
    page.so_far
FROM summed
LEFT JOIN page ON TRUE
ORDER BY page.seq, page.line
