-- Which events of the lane's log a window has, from `first` up to, and without, `until`, and whether they are a tenth of the log or more.
SELECT
    lane_window.opened_size AS first,
    coalesce(lane_window.sealed_size, 9223372036854775807) AS until,
    coalesce(10 * (coalesce(lane_window.sealed_size, lane.size) - lane_window.opened_size) >= lane.size, TRUE) AS is_much
FROM lane_window
LEFT JOIN lane ON lane_window.lane = lane.lane
WHERE lane_window.lane = %(lane)b AND lane_window.window_id = %(window_id)b
