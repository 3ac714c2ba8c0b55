-- What some windows booked of a figure that is shared, by the window of the booking and, of reversals, that of the original: what the house
-- earned (`fee`), or what sources paid (`gross`), of a corridor or of all exchanges in which a program takes part. Bonuses are left out.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
)

SELECT
    entry.window_id,
    original.window_id AS of_window,
    sum(entry.amount)::bigint AS amount
FROM entry
INNER JOIN exchange ON exchange.lane = %(lane)b AND entry.exchange_id = exchange.exchange_id
INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
LEFT JOIN exchange AS original ON original.lane = %(lane)b AND exchange.original_id = original.exchange_id
LEFT JOIN signing AS source ON exchange.source_program = source.program
LEFT JOIN partner AS alone
    ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
WHERE
    entry.lane = %(lane)b
    AND entry.seq >= %(first)b::bigint
    AND entry.seq < %(until)b::bigint
    AND entry.window_id = any(%(windows)b::integer[])
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
GROUP BY entry.window_id, original.window_id
