-- What some windows booked to the house itself, summed for each window, partner and kind: what it earned, and what it paid of bonuses. A fee
-- is paid by whoever sends, a bonus goes to whoever receives; an adjustment is of the partner that it moves, if there is only one. What
-- runs shared is of the runs that shared it, not of the window in which it stands. `at` is that of the last event: times grow with events.
WITH signing AS NOT MATERIALIZED (
    SELECT
        program.program AS name,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
    UNION ALL
    SELECT
        '@' || partner AS name,
        number
    FROM partner
),

bonus AS NOT MATERIALIZED (
    SELECT seq
    FROM leaf
    WHERE
        lane = %(lane)b
        AND seq >= %(first)b::bigint
        AND seq < %(until)b::bigint
        AND kind IN ('bonus_posted', 'bonus_returned')
),

earned AS (
    SELECT
        entry.window_id,
        coalesce(exchange.source_program, '@' || exchange.partner) AS name,
        CASE WHEN exchange.original_id IS NULL THEN exchange.kind ELSE exchange.path END AS kind,
        max(entry.seq) AS last,
        count(*) AS bookings,
        sum(entry.amount) AS amount
    FROM entry
    INNER JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account IN (14, 15)
        AND entry.seq <> all(array(SELECT bonus.seq FROM bonus))
    GROUP BY 1, 2, 3
),

told AS (
    SELECT
        earned.window_id,
        signing.number AS other,
        earned.kind,
        NULL AS reason,
        earned.last,
        earned.bookings,
        earned.amount,
        0 AS funded
    FROM earned
    LEFT JOIN signing ON earned.name = signing.name
    UNION ALL
    SELECT
        entry.window_id,
        signing.number AS other,
        CASE WHEN exchange.original_id IS NULL THEN exchange.kind ELSE exchange.path END AS kind,
        NULL AS reason,
        entry.seq AS last,
        1 AS bookings,
        CASE WHEN entry.account = 15 THEN entry.amount ELSE 0 END AS amount,
        CASE WHEN entry.account = 14 THEN entry.amount ELSE 0 END AS funded
    FROM bonus
    INNER JOIN entry ON entry.lane = %(lane)b AND bonus.seq = entry.seq
    INNER JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    LEFT JOIN signing ON signing.name = coalesce(exchange.target_program, '@' || exchange.partner)
    WHERE entry.window_id = any(%(windows)b::integer[]) AND entry.account IN (14, 15)
    UNION ALL
    SELECT
        entry.window_id,
        CASE WHEN moved.least = moved.most THEN moved.least / 16 END AS other,
        NULL AS kind,
        adjustment.reason,
        entry.seq AS last,
        1 AS bookings,
        entry.amount,
        0 AS funded
    FROM adjustment
    INNER JOIN entry ON adjustment.lane = entry.lane AND adjustment.seq = entry.seq
    CROSS JOIN LATERAL (
        SELECT
            min(beside.account) AS least,
            max(beside.account) AS most
        FROM entry AS beside
        WHERE beside.lane = %(lane)b AND beside.seq = adjustment.seq AND beside.account >= 16
    ) AS moved
    WHERE
        adjustment.lane = %(lane)b
        AND adjustment.seq >= %(first)b::bigint
        AND adjustment.seq < %(until)b::bigint
        AND adjustment.reason <> 'share'
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account IN (14, 15)
),

summed AS (
    SELECT
        window_id,
        other,
        kind,
        reason,
        max(last) AS last,
        sum(bookings)::bigint AS bookings,
        -sum(amount)::bigint AS earned,
        sum(funded)::bigint AS funding
    FROM told
    GROUP BY 1, 2, 3, 4
)

SELECT
    summed.window_id,
    summed.other,
    summed.kind,
    summed.reason,
    leaf.at,
    summed.bookings,
    summed.earned,
    summed.funding
FROM summed
INNER JOIN leaf ON leaf.lane = %(lane)b AND summed.last = leaf.seq
ORDER BY 1, 2, 3, 4
