-- Open a lane with an empty log; no row comes back when it was open.
INSERT INTO lane (lane, last_at, size, frontier, window_id, writer, calendar)
VALUES (
    %(lane)b,
    %(last_at)b,
    0,
    '{}',
    %(window_id)b,
    %(writer)b,
    (SELECT coalesce(max(version), 0) FROM calendar_version)
)
ON CONFLICT (lane) DO NOTHING
RETURNING lane
