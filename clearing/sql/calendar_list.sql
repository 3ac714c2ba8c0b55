-- The settlement windows that count, in order: those that no later version took the place of.
SELECT
    window_id AS number,
    code,
    opens_at,
    closes_at,
    scheme_version,
    advice_date,
    value_date
FROM calendar
WHERE
    NOT EXISTS (
        SELECT 1
        FROM calendar_version AS later
        WHERE later.version > calendar.version AND later.begins_at <= calendar.opens_at
    )
ORDER BY opens_at
