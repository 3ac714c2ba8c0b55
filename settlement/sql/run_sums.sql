-- What the exchanges of each pair of partners booked to value in a window: to the source's position, to the target's, and to what the
-- house earns, by the accounts of the two. A side without a program is the partner itself; both sides are one account where a partner
-- exchanges with itself; what is no exchange has neither. `others` counts entries of anybody else: run_others tells those.
-- The window's events are those from its first to its last. Nothing but the two accounts is grouped by, so that every worker adds up
-- its rows for itself: an account among them would make a group of nearly every row, by what the planner knows.
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
        pair.source,
        pair.target,
        sum(entry.amount) FILTER (WHERE entry.account = pair.source) AS paid,
        sum(entry.amount) FILTER (WHERE entry.account = pair.target) AS received,
        sum(entry.amount) FILTER (WHERE entry.account < 16) AS earned,
        count(*) FILTER (WHERE entry.account >= 16 AND entry.account <> pair.source AND entry.account IS DISTINCT FROM pair.target) AS others
    FROM entry
    LEFT JOIN (
        SELECT
            exchange.lane,
            exchange.exchange_id,
            source.account AS source,
            nullif(target.account, source.account) AS target
        FROM exchange
        LEFT JOIN signing AS source ON source.name = coalesce(exchange.source_program, '@' || exchange.partner)
        LEFT JOIN signing AS target ON target.name = coalesce(exchange.target_program, '@' || exchange.partner)
    ) AS pair ON entry.lane = pair.lane AND entry.exchange_id = pair.exchange_id
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b
        AND entry.seq < %(until)b
        AND entry.window_id = %(window_id)b
        AND mod(entry.account, 16) >= 8
    GROUP BY 1, 2
)

SELECT
    source / 16 AS source,
    coalesce(target, source) / 16 AS target,
    coalesce(paid, 0)::bigint AS paid,
    coalesce(received, 0)::bigint AS received,
    coalesce(earned, 0)::bigint AS earned,
    others > 0 OR source IS NULL AS others
FROM booked
