-- Seal the window that the lane is leaving; a sealed window never changes.
UPDATE lane_window
SET
    sealed_at = %(sealed_at)b,
    sealed_size = %(sealed_size)b,
    sealed_root = %(sealed_root)b
WHERE lane = %(lane)b AND window_id = %(window_id)b AND sealed_at IS NULL
RETURNING opened_size
