-- How many exchanges are in each state.
SELECT
    state,
    count(*) AS exchanges
FROM exchange
WHERE lane = %(lane)b
GROUP BY state
