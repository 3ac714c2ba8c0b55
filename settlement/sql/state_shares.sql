-- When a run booked its contracts.
SELECT
    adjustment_id,
    at
FROM adjustment
WHERE lane = %(lane)b AND adjustment_id = any(%(names)b::uuid[])
