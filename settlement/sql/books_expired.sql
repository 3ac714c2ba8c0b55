-- What programs reported as expired in these windows.
SELECT
    program,
    sum(points)::bigint AS points
FROM expiry_report
WHERE lane = %(lane)b AND window_id = any(%(window_id)b::integer[])
GROUP BY program
ORDER BY program
