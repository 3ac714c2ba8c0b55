-- Every published version of the calendar in order.
SELECT
    version,
    begins_at,
    published_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM calendar_version
ORDER BY version
