-- Sealed windows before the last of these that opened from an instant on, are not among these, and that no run settles which has booked
-- its contracts: a frozen run that was broken off before may still book, and what comes after it must find that booked.
SELECT calendar.code
FROM lane_window
INNER JOIN calendar ON lane_window.window_id = calendar.window_id
WHERE
    lane_window.lane = %(lane)b
    AND lane_window.sealed_at IS NOT NULL
    AND calendar.opens_at >= %(since)b
    AND lane_window.window_id < (SELECT max(number) FROM unnest(%(windows)b::integer[]) AS these (number))
    AND lane_window.window_id <> all(%(windows)b::integer[])
    AND NOT EXISTS (
        SELECT 1
        FROM settlement_run_window
        INNER JOIN settlement_run ON settlement_run_window.run = settlement_run.run
        WHERE
            settlement_run_window.window_id = lane_window.window_id
            AND settlement_run.state IN ('instructed', 'paying', 'settled')
    )
ORDER BY lane_window.window_id
