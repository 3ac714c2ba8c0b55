-- What some windows booked to the positions of some partners, partner by partner, with all that a line of a statement says: a row for each
-- partner and 65,536 events, in it a text of lines, in each the columns that `Booked` has, a tab between them. Whoever sends has the entry
-- above zero, in a reversal below it. `earned` is what the house took in the event, as the exchange's terms say; of a part that was
-- captured they do not, so there stands an @ and the event, of which state_parts tells. Who pays in a reversal without being the target bears
-- what was spent, and pays it to the target. What runs shared is of the runs that shared it, not of the window in which it stands.
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
)

SELECT
    told.account,
    string_agg(told.said, E'\n') AS said
FROM (
    SELECT
        entry.account,
        entry.seq / 65536 AS part,
        concat(
            entry.window_id,
            E'\t',
            leaf.kind,
            E'\t',
            to_json(leaf.at),
            E'\t',
            entry.exchange_id,
            E'\t',
            CASE WHEN exchange.original_id IS NULL THEN exchange.kind ELSE exchange.path END,
            E'\t',
            exchange.original_id,
            E'\t',
            CASE
                WHEN (entry.amount > 0) = (exchange.original_id IS NULL) THEN target.number
                WHEN entry.amount > 0 AND entry.account <> target.number * 16 + 8 THEN target.number
                ELSE source.number
            END,
            E'\t',
            entry.amount,
            E'\t',
            CASE
                WHEN exchange.captured > 0 AND exchange.captured < exchange.sent THEN '@' || entry.seq
                WHEN exchange.original_id IS NULL THEN (exchange.fee - exchange.funding + exchange.bonus_credit)::text
                ELSE (exchange.funding - exchange.fee - exchange.bonus_credit)::text
            END,
            E'\t',
            CASE WHEN exchange.captured > 0 THEN exchange.captured ELSE exchange.sent END,
            E'\t',
            CASE WHEN exchange.target_program IS NOT NULL THEN exchange.received END,
            E'\t',
            exchange.bonus,
            E'\t',
            translate(adjustment.reason, E'\t\n', E'\x01\x01'),
            E'\t',
            translate(adjustment.reference, E'\t\n', E'\x01\x01')
        ) AS said
    FROM entry
    INNER JOIN leaf ON entry.lane = leaf.lane AND entry.seq = leaf.seq
    LEFT JOIN exchange ON entry.lane = exchange.lane AND entry.exchange_id = exchange.exchange_id
    LEFT JOIN adjustment ON entry.lane = adjustment.lane AND entry.exchange_id = adjustment.adjustment_id
    LEFT JOIN signing AS source ON source.name = coalesce(exchange.source_program, '@' || exchange.partner)
    LEFT JOIN signing AS target ON target.name = coalesce(exchange.target_program, '@' || exchange.partner)
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND entry.window_id = any(%(windows)b::integer[])
        AND entry.account = any(%(accounts)b::integer[])
        AND adjustment.reason IS DISTINCT FROM 'share'
    ORDER BY entry.account, entry.seq / 65536, entry.seq, entry.line
) AS told
GROUP BY told.account, told.part
ORDER BY told.account, told.part
