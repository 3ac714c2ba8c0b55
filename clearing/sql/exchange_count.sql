-- How many exchanges are in each state that is no end. Each of them has an order that is due or a case that is open, and the indexes of
-- those hold nothing else: what has ended is not looked at, however much it is.
SELECT
    state,
    count(*) AS exchanges
FROM exchange
WHERE
    lane = %(lane)b
    AND ended_at IS NULL
    AND exchange_id = any(array(
        SELECT orders.exchange_id FROM orders
        WHERE orders.lane = %(lane)b AND orders.due_at IS NOT NULL
        UNION
        SELECT review_case.exchange_id FROM review_case
        WHERE review_case.lane = %(lane)b AND review_case.closed_at IS NULL
    ))
GROUP BY state
