-- Windows in which value, or the points of a program, do not add up to zero.
WITH priced AS (
    SELECT
        entry.window_id,
        entry.amount,
        CASE WHEN mod(entry.account, 16) < 8 THEN div(entry.account, 16)::integer ELSE -1 END AS unit
    FROM entry
    WHERE entry.lane = %(lane)b AND entry.window_id IS NOT NULL
)

SELECT
    window_id,
    unit
FROM priced
GROUP BY window_id, unit
HAVING sum(amount) <> 0
ORDER BY window_id
