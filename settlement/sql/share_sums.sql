-- What some windows booked of all that can be shared, once for all contracts: by the window of the booking and, of reversals, that of the
-- original, and by the two programs, what the house earned (`fee`) and what sources paid (`gross`). Bonuses are left out: only exchanges
-- that have one are asked for the event. Originals are looked up one by one, for what is left once all that has none is added up.
WITH signing AS NOT MATERIALIZED (
    SELECT
        program.program AS name,
        partner.number * 16 + 8 AS account
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
    UNION ALL
    SELECT
        '@' || partner AS name,
        number * 16 + 8 AS account
    FROM partner
),

booked AS (
    SELECT
        entry.window_id,
        exchange.source_program,
        exchange.target_program,
        exchange.original_id,
        sum(entry.amount) FILTER (WHERE entry.account < 16) AS fee,
        sum(entry.amount) FILTER (
            WHERE entry.account = source.account AND (entry.amount > 0) = (exchange.original_id IS NULL)
        ) AS gross
    FROM entry
    INNER JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    LEFT JOIN signing AS source
        ON %(gross)b::boolean AND source.name = coalesce(exchange.source_program, '@' || exchange.partner)
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND (entry.account IN (14, 15) OR (%(gross)b::boolean AND mod(entry.account, 16) = 8))
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
)

SELECT
    booked.window_id,
    original.window_id AS of_window,
    booked.source_program,
    booked.target_program,
    coalesce(sum(booked.fee), 0)::bigint AS fee,
    coalesce(sum(booked.gross), 0)::bigint AS gross
FROM booked
LEFT JOIN LATERAL (
    SELECT exchange.window_id
    FROM exchange
    WHERE exchange.lane = %(lane)b AND exchange.exchange_id = booked.original_id
    ORDER BY 1
    LIMIT 1
) AS original ON TRUE
GROUP BY 1, 2, 3, 4
