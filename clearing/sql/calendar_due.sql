-- The window that this lane has open although its cut-off has passed.
SELECT calendar.code
FROM lane
INNER JOIN calendar ON lane.window_id = calendar.window_id
WHERE lane.lane = %(lane)b AND calendar.closes_at <= %(now)b
