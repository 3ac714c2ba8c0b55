-- How long the log was at an instant: the events at or before it, found by halving, since events are in order of time. And the windows: those
-- that were over by then, and the one that the instant cuts in two.
WITH RECURSIVE halved (low, high) AS (
    SELECT
        0::bigint AS low,
        lane.size AS high
    FROM lane
    WHERE lane.lane = %(lane)b
    UNION ALL
    SELECT
        CASE WHEN leaf.at <= %(at)b THEN leaf.seq + 1 ELSE halved.low END,
        CASE WHEN leaf.at <= %(at)b THEN halved.high ELSE leaf.seq END
    FROM halved
    INNER JOIN leaf ON leaf.lane = %(lane)b AND leaf.seq = (halved.low + halved.high) / 2
    WHERE halved.low < halved.high
),

edge AS (
    SELECT low AS size
    FROM halved
    WHERE low = high
)

SELECT
    edge.size,
    lane.size AS head,
    lane.last_at > %(at)b AS settled,
    array(
        SELECT over.window_id
        FROM lane_window AS over
        WHERE over.lane = %(lane)b AND over.sealed_size <= edge.size
    ) AS whole,
    cut.window_id,
    cut.opened_size,
    cut.sealed_size
FROM edge
INNER JOIN lane ON lane.lane = %(lane)b
LEFT JOIN lane_window AS cut
    ON
        cut.lane = %(lane)b
        AND cut.opened_size < edge.size
        AND (cut.sealed_size IS NULL OR cut.sealed_size > edge.size)
