-- What runs booked of contracts, put where it belongs: less what stands in windows beside these that had begun by an edge of the log, plus
-- what is of such a window, wherever it stands. `at`: up to when runs count.
SELECT
    entry.account,
    sum(
        CASE WHEN stands.opened_size < %(until)b::bigint AND entry.window_id <> all(%(windows)b::integer[]) THEN -entry.amount ELSE 0 END
        + CASE WHEN
            belongs.opened_size < %(until)b::bigint
            AND adjustment.of_window <> all(%(windows)b::integer[])
            AND adjustment.at <= %(at)b
                THEN entry.amount
            ELSE 0
        END
    )::bigint AS balance
FROM adjustment
INNER JOIN entry ON entry.lane = %(lane)b AND adjustment.seq = entry.seq
INNER JOIN lane_window AS stands ON stands.lane = %(lane)b AND entry.window_id = stands.window_id
INNER JOIN lane_window AS belongs ON belongs.lane = %(lane)b AND adjustment.of_window = belongs.window_id
WHERE
    adjustment.lane = %(lane)b
    AND adjustment.kind = 'adjusted'
    AND adjustment.reason = 'share'
    AND entry.account = any(%(accounts)b::integer[])
GROUP BY entry.account
