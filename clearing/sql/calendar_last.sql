-- The version of the calendar that was published last, and the last number that a window has.
SELECT
    coalesce((SELECT max(version) FROM calendar_version), 0) AS version,
    coalesce((SELECT max(window_id) FROM calendar), 0) AS number
