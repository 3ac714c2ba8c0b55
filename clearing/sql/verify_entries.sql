-- Events whose entries do not add up to zero in a unit. Units: the points of each program, and value (position, fee, rounding).
WITH priced AS (
    SELECT
        entry.seq,
        entry.amount,
        CASE WHEN mod(entry.account, 16) < 8 THEN div(entry.account, 16)::integer ELSE -1 END AS unit
    FROM entry
    WHERE entry.lane = %(lane)b
)

SELECT
    seq,
    unit
FROM priced
GROUP BY seq, unit
HAVING sum(amount) <> 0
ORDER BY seq
LIMIT 20
