-- What programs reported as expired in these windows, by itself or with what else moved outside of the house.
SELECT
    reported.program,
    sum(reported.points)::bigint AS points
FROM (
    SELECT
        program,
        points
    FROM expiry_report
    WHERE lane = %(lane)b AND window_id = any(%(window_id)b::integer[])
    UNION ALL
    SELECT
        program,
        expired AS points
    FROM outside_report
    WHERE lane = %(lane)b AND window_id = any(%(window_id)b::integer[])
) AS reported
GROUP BY reported.program
ORDER BY reported.program
