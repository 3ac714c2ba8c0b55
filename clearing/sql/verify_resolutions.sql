-- Exchanges that were resolved more than once, or whose row and whose log do not tell the same end.
WITH told AS (
    SELECT
        leaf.exchange_id,
        count(*) FILTER (WHERE leaf.kind IN ('posted', 'reversal_posted')) AS posted,
        count(*) FILTER (WHERE leaf.kind = 'voided') AS voided,
        count(*) FILTER (WHERE leaf.kind IN ('reserved', 'reversal_reserved')) AS reserved
    FROM leaf
    WHERE leaf.lane = %(lane)b AND leaf.exchange_id IS NOT NULL
    GROUP BY leaf.exchange_id
)

SELECT exchange.exchange_id
FROM exchange
LEFT JOIN told ON exchange.exchange_id = told.exchange_id
WHERE
    exchange.lane = %(lane)b
    AND (
        coalesce(told.reserved, 0) <> 1
        OR told.posted + told.voided > 1
        OR (told.posted = 1) <> (exchange.posted_at IS NOT NULL)
        OR (exchange.state = 'reversed') <> (told.voided = 1)
        OR (exchange.state = 'completed' AND told.posted <> 1)
    )
ORDER BY exchange.exchange_id
LIMIT 20
