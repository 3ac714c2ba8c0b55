-- Orders whose outcome is not known, and since when the oldest of them has been asked.
SELECT
    program,
    state,
    count(*) AS orders,
    min(created_at) AS oldest
FROM orders
WHERE lane = %(lane)b AND due_at IS NOT NULL
GROUP BY program, state
