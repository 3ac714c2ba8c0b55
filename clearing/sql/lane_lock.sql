-- Lock the lane and read what every decision starts from. Locks: the lane row, and with it the whole lane.
SELECT
    last_at,
    size,
    frontier,
    window_id,
    writer,
    calendar,
    clock_timestamp() AS told_at,
    members_at
FROM lane
WHERE lane = %(lane)b
FOR UPDATE
