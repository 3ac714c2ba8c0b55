-- Open the first window of a new lane.
INSERT INTO lane_window (lane, window_id, opened_size)
VALUES (%(lane)b, %(window_id)b, 0)
