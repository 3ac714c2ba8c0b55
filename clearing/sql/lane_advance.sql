-- Move the lane on: its time, its log, its window. The row is locked by this batch.
UPDATE lane
SET
    last_at = %(last_at)b,
    size = %(size)b,
    frontier = %(frontier)b::bytea[],
    window_id = %(window_id)b,
    writer = %(writer)b
WHERE lane = %(lane)b
