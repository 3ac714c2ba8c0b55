-- What the house earned of every partner by an instant, and what it paid of bonuses, in windows that no run had frozen by then; without tax, which
-- it only hands on, and without what runs booked of contracts: they settled it, whatever window it stands in. A fee is of whoever sends, a bonus
-- of whoever receives, an adjustment of the partner that it moves, if there is one only.
WITH signing AS (
    SELECT
        program.program,
        partner.number
    FROM program
    INNER JOIN partner ON program.partner = partner.partner
),

unfrozen AS (
    SELECT
        lane_window.window_id,
        lane_window.opened_size
    FROM lane_window
    WHERE
        lane_window.lane = %(lane)b
        AND NOT EXISTS (
            SELECT 1
            FROM settlement_run_window
            INNER JOIN settlement_run_event ON settlement_run_window.run = settlement_run_event.run
            WHERE
                settlement_run_window.window_id = lane_window.window_id
                AND settlement_run_window.live
                AND settlement_run_event.step = 'frozen'
                AND settlement_run_event.at < %(ends_at)b
        )
),

booked AS (
    SELECT
        entry.seq,
        entry.account,
        entry.exchange_id,
        entry.amount,
        leaf.kind AS event,
        min(entry.account) FILTER (WHERE entry.account >= 16) OVER (PARTITION BY entry.seq) AS least,
        max(entry.account) FILTER (WHERE entry.account >= 16) OVER (PARTITION BY entry.seq) AS most
    FROM entry
    INNER JOIN leaf ON leaf.lane = %(lane)b AND entry.seq = leaf.seq
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= (SELECT min(unfrozen.opened_size) FROM unfrozen)
        AND entry.window_id IN (SELECT unfrozen.window_id FROM unfrozen)
        AND mod(entry.account, 16) IN (8, 14, 15)
        AND leaf.at < %(ends_at)b
),

told AS (
    SELECT
        booked.amount,
        CASE
            WHEN booked.event IN ('bonus_posted', 'bonus_returned') AND booked.account = 14 THEN 'bonus'
            WHEN exchange.exchange_id IS NOT NULL THEN 'fee'
            WHEN adjustment.reason = 'interest' THEN 'interest'
            ELSE 'adjustment'
        END AS what,
        CASE
            WHEN booked.event IN ('bonus_posted', 'bonus_returned') THEN coalesce(target.number, alone.number)
            WHEN exchange.exchange_id IS NOT NULL THEN coalesce(source.number, alone.number)
            WHEN booked.least = booked.most THEN booked.least / 16
        END AS number
    FROM booked
    LEFT JOIN exchange ON exchange.lane = %(lane)b AND booked.exchange_id = exchange.exchange_id
    LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND booked.exchange_id = adjustment.adjustment_id
    LEFT JOIN signing AS source ON exchange.source_program = source.program
    LEFT JOIN signing AS target ON exchange.target_program = target.program
    LEFT JOIN partner AS alone
        ON exchange.partner = alone.partner AND num_nulls(exchange.source_program, exchange.target_program) = 1
    WHERE
        booked.account < 16
        AND adjustment.reason IS DISTINCT FROM 'vat'
        AND adjustment.reason IS DISTINCT FROM 'share'
)

SELECT
    coalesce(partner.partner, 'house') AS partner,
    told.what,
    -sum(told.amount)::bigint AS amount
FROM told
LEFT JOIN partner ON told.number = partner.number
GROUP BY coalesce(partner.partner, 'house'), told.what
HAVING sum(told.amount) <> 0
ORDER BY coalesce(partner.partner, 'house'), told.what
