-- Windows as this lane lived them, in order.
SELECT
    window_id,
    opened_size,
    sealed_size,
    sealed_root
FROM lane_window
WHERE lane = %(lane)b
ORDER BY opened_size, window_id
