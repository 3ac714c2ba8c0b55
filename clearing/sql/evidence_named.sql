-- How many orders name evidence, and what they name that is not there.
SELECT
    count(*) AS named,
    array_agg(orders.evidence_id) FILTER (WHERE evidence.evidence_id IS NULL) AS missing
FROM orders
LEFT JOIN evidence ON orders.lane = evidence.lane AND orders.evidence_id = evidence.evidence_id
WHERE orders.lane = %(lane)b AND orders.evidence_id IS NOT NULL
