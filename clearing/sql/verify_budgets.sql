-- Budgets whose promised sums are not those of the bonuses that stand.
WITH promised AS (
    SELECT
        share.line ->> 0 AS campaign,
        sum((share.line ->> 2)::bigint) AS units_used,
        sum((share.line ->> 3)::bigint) AS value_used
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
            WHERE leaf.lane = %(lane)b AND leaf.exchange_id IS NOT NULL AND leaf.kind = 'bonus_voided'
        )
    GROUP BY share.line ->> 0
),

kept AS (
    SELECT
        campaign,
        units_used,
        value_used
    FROM budget_slice
    WHERE lane = %(lane)b
)

SELECT coalesce(kept.campaign, promised.campaign) AS campaign
FROM kept
FULL JOIN promised ON kept.campaign = promised.campaign
WHERE
    coalesce(kept.units_used, 0) <> coalesce(promised.units_used, 0)
    OR coalesce(kept.value_used, 0) <> coalesce(promised.value_used, 0)
ORDER BY campaign
