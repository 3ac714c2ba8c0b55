-- Caps whose booked or pending part is not what the entries and the open exchanges say, or that are overdrawn by what is pending.
WITH booked AS (
    SELECT
        entry.account,
        sum(entry.amount) AS position
    FROM entry
    WHERE entry.lane = %(lane)b AND mod(entry.account, 16) = 8
    GROUP BY entry.account
),

open AS (
    SELECT
        partner.number * 16 + 8 AS account,
        sum(owed.amount) AS pending
    FROM (
        SELECT
            coalesce(program.partner, exchange.partner) AS partner,
            exchange.debit AS amount
        FROM exchange
        LEFT JOIN program ON exchange.source_program = program.program
        WHERE
            exchange.lane = %(lane)b
            AND exchange.original_id IS NULL
            AND exchange.posted_at IS NULL
            AND exchange.ended_at IS NULL
        UNION ALL
        SELECT
            share.line ->> 1 AS partner,
            (share.line ->> 3)::bigint AS amount
        FROM exchange
        CROSS JOIN LATERAL jsonb_array_elements(exchange.shares::jsonb) AS share (line)
        WHERE
            exchange.lane = %(lane)b
            AND exchange.shares IS NOT NULL
            AND exchange.original_id IS NULL
            AND exchange.state <> 'reversed'
            AND exchange.exchange_id NOT IN (
                SELECT leaf.exchange_id
                FROM leaf
                WHERE leaf.lane = %(lane)b AND leaf.exchange_id IS NOT NULL AND leaf.kind IN ('bonus_posted', 'bonus_voided')
            )
    ) AS owed
    INNER JOIN partner ON owed.partner = partner.partner
    GROUP BY partner.number
),

kept AS (
    SELECT
        account,
        position,
        pending
    FROM cap_slice
    WHERE lane = %(lane)b
)

SELECT coalesce(kept.account, booked.account, open.account) AS account
FROM kept
FULL JOIN booked ON kept.account = booked.account
FULL JOIN open ON coalesce(kept.account, booked.account) = open.account
WHERE
    coalesce(kept.position, 0) <> coalesce(booked.position, 0)
    OR coalesce(kept.pending, 0) <> coalesce(open.pending, 0)
ORDER BY account
