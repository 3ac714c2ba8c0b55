-- The published settlement windows in order.
SELECT
    window_id AS number,
    code,
    opens_at,
    closes_at
FROM calendar
ORDER BY opens_at
