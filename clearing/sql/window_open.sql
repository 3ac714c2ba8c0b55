-- Open windows in this lane; those that were crossed without a batch are born sealed.
INSERT INTO lane_window (lane, window_id, opened_size, sealed_at, sealed_size, sealed_root)
SELECT
    %(lane)b,
    opened.window_id,
    opened.opened_size,
    opened.sealed_at,
    opened.sealed_size,
    opened.sealed_root
FROM unnest(
    %(window_id)b::integer[],
    %(opened_size)b::bigint[],
    %(sealed_at)b::timestamptz[],
    %(sealed_size)b::bigint[],
    %(sealed_root)b::bytea[]
) AS opened (window_id, opened_size, sealed_at, sealed_size, sealed_root)
