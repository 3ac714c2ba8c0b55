-- What some windows booked to the house itself, summed for each window, partner and kind: what it earned, and what it paid of bonuses. A fee
-- is paid by whoever sends, a bonus goes to whoever receives; an adjustment is of the partner that it moves, if there is only one. What
-- runs shared is of the runs that shared it, not of the window in which it stands.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
),

booked AS (
    SELECT
        entry.seq,
        entry.account,
        entry.window_id,
        entry.exchange_id,
        entry.amount,
        min(entry.account) FILTER (WHERE entry.account >= 16) OVER (PARTITION BY entry.seq) AS least,
        max(entry.account) FILTER (WHERE entry.account >= 16) OVER (PARTITION BY entry.seq) AS most
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND mod(entry.account, 16) IN (8, 14, 15)
),

told AS (
    SELECT
        booked.window_id,
        booked.amount,
        booked.account,
        leaf.at,
        leaf.kind AS event,
        CASE WHEN exchange.original_id IS NULL THEN exchange.kind ELSE exchange.path END AS kind,
        adjustment.reason,
        leaf.kind IN ('bonus_posted', 'bonus_returned') AND booked.account = 14 AS is_funding,
        CASE
            WHEN leaf.kind IN ('bonus_posted', 'bonus_returned') THEN coalesce(target.number, alone.number)
            WHEN exchange.exchange_id IS NOT NULL THEN coalesce(source.number, alone.number)
            WHEN booked.least = booked.most THEN booked.least / 16
        END AS other
    FROM booked
    INNER JOIN leaf ON leaf.lane = %(lane)b AND booked.seq = leaf.seq
    LEFT JOIN exchange ON exchange.lane = %(lane)b AND booked.exchange_id = exchange.exchange_id
    LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND booked.exchange_id = adjustment.adjustment_id
    LEFT JOIN signing AS source ON exchange.source_program = source.program
    LEFT JOIN signing AS target ON exchange.target_program = target.program
    LEFT JOIN partner AS alone
        ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
    WHERE booked.account < 16 AND adjustment.reason IS DISTINCT FROM 'share'
)

SELECT
    window_id,
    other,
    kind,
    reason,
    max(at) AS at,
    count(*) AS bookings,
    -coalesce(sum(amount) FILTER (WHERE NOT is_funding), 0)::bigint AS earned,
    coalesce(sum(amount) FILTER (WHERE is_funding), 0)::bigint AS funding
FROM told
GROUP BY window_id, other, kind, reason
ORDER BY window_id, other, kind, reason
