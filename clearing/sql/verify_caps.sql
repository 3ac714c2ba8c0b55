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
        sum(exchange.debit) AS pending
    FROM exchange
    INNER JOIN program ON exchange.source_program = program.program
    INNER JOIN partner ON program.partner = partner.partner
    WHERE
        exchange.lane = %(lane)b
        AND exchange.original_id IS NULL
        AND exchange.posted_at IS NULL
        AND exchange.ended_at IS NULL
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
