-- How many exchanges of each kind posted in a window, and how many gave one back.
SELECT
    kind,
    count(*) FILTER (WHERE original_id IS NULL) AS posted,
    count(*) FILTER (WHERE original_id IS NOT NULL) AS given_back
FROM exchange
WHERE lane = %(lane)b AND window_id = %(window_id)b
GROUP BY kind
ORDER BY kind
