-- What the exchanges of each pair of partners booked to value in a window: to the source's partner, to the target's, to what the house
-- earns, and to each other account. A side without a program is the partner itself. The window's events are those from its first to its last.
-- Rows are added up by what they carry, by every worker for itself; who is who is asked of the few sums that are left.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
),

booked AS (
    SELECT
        exchange.source_program,
        exchange.target_program,
        CASE WHEN num_nulls(exchange.source_program, exchange.target_program) = 1 THEN exchange.partner END AS partner,
        entry.account,
        sum(entry.amount) AS amount
    FROM entry
    LEFT JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b
        AND entry.seq < %(until)b
        AND entry.window_id = %(window_id)b
        AND mod(entry.account, 16) IN (8, 14, 15)
    GROUP BY 1, 2, 3, 4
),

paired AS (
    SELECT
        booked.account,
        booked.amount,
        coalesce(source.number, alone.number) AS source,
        coalesce(target.number, alone.number) AS target
    FROM booked
    LEFT JOIN signing AS source ON booked.source_program = source.program
    LEFT JOIN signing AS target ON booked.target_program = target.program
    LEFT JOIN partner AS alone ON booked.partner = alone.partner
),

told AS (
    SELECT
        source,
        target,
        account,
        amount,
        coalesce(account = source * 16 + 8, FALSE) AS is_source,
        coalesce(account = target * 16 + 8 AND source <> target, FALSE) AS is_target,
        account < 16 AND account <> 8 AS is_earned
    FROM paired
)

SELECT
    source,
    target,
    CASE WHEN NOT (is_source OR is_target OR is_earned) THEN account / 16 END AS other,
    coalesce(sum(amount) FILTER (WHERE is_source), 0)::bigint AS paid,
    coalesce(sum(amount) FILTER (WHERE is_target), 0)::bigint AS received,
    coalesce(sum(amount) FILTER (WHERE is_earned), 0)::bigint AS earned,
    coalesce(sum(amount) FILTER (WHERE NOT (is_source OR is_target OR is_earned)), 0)::bigint AS funded
FROM told
GROUP BY 1, 2, 3
