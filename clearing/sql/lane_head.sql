-- The head of the log, without the lock.
SELECT
    last_at,
    size,
    frontier,
    window_id
FROM lane
WHERE lane = %(lane)b
