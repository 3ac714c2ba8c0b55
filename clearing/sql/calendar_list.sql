-- The settlement windows that count, in order: those that no later version took the place of. A rehearsal ends the one it begins in.
SELECT
    calendar.window_id AS number,
    calendar.code,
    calendar.opens_at,
    least(
        calendar.closes_at,
        (
            SELECT min(later.begins_at)
            FROM calendar_version AS later
            WHERE later.version > calendar.version AND later.begins_at > calendar.opens_at
        )
    ) AS closes_at,
    calendar.scheme_version,
    calendar.advice_date,
    calendar.value_date
FROM calendar
WHERE
    NOT EXISTS (
        SELECT 1
        FROM calendar_version AS later
        WHERE later.version > calendar.version AND later.begins_at <= calendar.opens_at
    )
ORDER BY calendar.opens_at
