-- Exchanges on their way without exactly one order that is due, and ended ones or those in review with one: nothing is lost, or asked twice.
SELECT exchange.exchange_id
FROM exchange
LEFT JOIN orders
    ON exchange.lane = orders.lane
    AND exchange.exchange_id = orders.exchange_id
    AND orders.due_at IS NOT NULL
    AND orders.leg <> 6
WHERE exchange.lane = %(lane)b
GROUP BY exchange.exchange_id, exchange.state
HAVING count(orders.leg) <> CASE WHEN exchange.state IN ('completed', 'reversed', 'review') THEN 0 ELSE 1 END
ORDER BY exchange.exchange_id
LIMIT 20
