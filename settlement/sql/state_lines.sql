-- What some windows booked to the positions of some partners, partner by partner, with all that a line of a statement says. Whoever sends
-- has the entry above zero, in a reversal below it; `earned` is what the house took in the same event. Who pays in a reversal without
-- being the target bears what was spent, and pays it to the target. What runs shared is of the runs that shared it, not of the window in which
-- it stands.
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
        entry.line,
        entry.account,
        entry.window_id,
        entry.exchange_id,
        entry.amount,
        -coalesce(sum(entry.amount) FILTER (WHERE entry.account < 16) OVER (PARTITION BY entry.seq), 0) AS earned
    FROM entry
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND mod(entry.account, 16) IN (8, 14, 15)
)

SELECT
    booked.account,
    booked.window_id,
    leaf.kind AS event,
    leaf.at,
    booked.exchange_id,
    CASE WHEN exchange.original_id IS NULL THEN exchange.kind ELSE exchange.path END AS kind,
    exchange.original_id,
    CASE
        WHEN (booked.amount > 0) = (exchange.original_id IS NULL)
            THEN coalesce(target.number, alone.number)
        WHEN booked.amount > 0 AND booked.account <> target.number * 16 + 8
            THEN target.number
        ELSE coalesce(source.number, alone.number)
    END AS other,
    booked.amount,
    booked.earned::bigint AS earned,
    CASE WHEN exchange.captured > 0 THEN exchange.captured ELSE exchange.sent END AS sent,
    CASE WHEN exchange.target_program IS NULL THEN 0 ELSE exchange.received END AS received,
    exchange.bonus,
    adjustment.reason,
    adjustment.reference
FROM booked
INNER JOIN leaf ON leaf.lane = %(lane)b AND booked.seq = leaf.seq
LEFT JOIN exchange ON exchange.lane = %(lane)b AND booked.exchange_id = exchange.exchange_id
LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND booked.exchange_id = adjustment.adjustment_id
LEFT JOIN signing AS source ON exchange.source_program = source.program
LEFT JOIN signing AS target ON exchange.target_program = target.program
LEFT JOIN partner AS alone
    ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
WHERE booked.account = any(%(accounts)b::integer[]) AND adjustment.reason IS DISTINCT FROM 'share'
ORDER BY booked.account, booked.seq, booked.line
