-- What programs reported of what moved outside of the house: outstanding there before some windows, and what moved in them. What was reported
-- as expired by itself counts from a program's first report on, which tells what was outstanding then.
WITH first_report AS (
    SELECT DISTINCT ON (program)
        program,
        opening,
        reported_at
    FROM outside_report
    WHERE lane = %(lane)b AND window_id = any(%(before)b::integer[] || %(within)b::integer[])
    ORDER BY program, reported_at
),

moved AS (
    SELECT
        program,
        window_id,
        issued,
        redeemed,
        expired
    FROM outside_report
    WHERE lane = %(lane)b
    UNION ALL
    SELECT
        expiry_report.program,
        expiry_report.window_id,
        0 AS issued,
        0 AS redeemed,
        expiry_report.points AS expired
    FROM expiry_report
    INNER JOIN first_report
        ON expiry_report.program = first_report.program AND expiry_report.reported_at > first_report.reported_at
    WHERE expiry_report.lane = %(lane)b
)

SELECT
    first_report.program,
    (
        first_report.opening
        + coalesce(sum(moved.issued - moved.redeemed - moved.expired) FILTER (WHERE moved.window_id = any(%(before)b::integer[])), 0)
    )::bigint AS opening,
    coalesce(sum(moved.issued) FILTER (WHERE moved.window_id = any(%(within)b::integer[])), 0)::bigint AS issued,
    coalesce(sum(moved.redeemed) FILTER (WHERE moved.window_id = any(%(within)b::integer[])), 0)::bigint AS redeemed,
    coalesce(sum(moved.expired) FILTER (WHERE moved.window_id = any(%(within)b::integer[])), 0)::bigint AS expired
FROM first_report
LEFT JOIN moved ON first_report.program = moved.program
GROUP BY first_report.program, first_report.opening
ORDER BY first_report.program
