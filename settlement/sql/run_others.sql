-- What the exchanges of each pair of partners booked in a window to the positions of anybody beside the two: funders of bonuses, and who
-- bears what was spent. What is no exchange has no pair. Asked for where run_sums says that there is any.
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
)

SELECT
    pair.source / 16 AS source,
    pair.target / 16 AS target,
    entry.account / 16 AS other,
    sum(entry.amount)::bigint AS funded
FROM entry
LEFT JOIN (
    SELECT
        exchange.lane,
        exchange.exchange_id,
        source.account AS source,
        target.account AS target
    FROM exchange
    LEFT JOIN signing AS source ON source.name = coalesce(exchange.source_program, '@' || exchange.partner)
    LEFT JOIN signing AS target ON target.name = coalesce(exchange.target_program, '@' || exchange.partner)
) AS pair ON entry.lane = pair.lane AND entry.exchange_id = pair.exchange_id
WHERE
    entry.lane = %(lane)b
    AND entry.seq >= %(first)b
    AND entry.seq < %(until)b
    AND entry.window_id = %(window_id)b
    AND entry.account >= 16
    AND mod(entry.account, 16) = 8
    AND entry.account IS DISTINCT FROM pair.source
    AND entry.account IS DISTINCT FROM pair.target
GROUP BY pair.source, pair.target, entry.account
