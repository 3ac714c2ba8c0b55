-- Move these exchanges on.
UPDATE exchange
SET
    state = moved.state,
    posted_at = moved.posted_at,
    window_id = moved.window_id,
    ended_at = moved.ended_at,
    reason = moved.reason,
    reversed = moved.reversed,
    kept_leg = moved.kept_leg,
    cancelled = moved.cancelled,
    captured = moved.captured
FROM unnest(
    %(exchange_id)b::uuid[],
    %(state)b::text[],
    %(posted_at)b::timestamptz[],
    %(window_id)b::integer[],
    %(ended_at)b::timestamptz[],
    %(reason)b::text[],
    %(reversed)b::bigint[],
    %(kept_leg)b::smallint[],
    %(cancelled)b::boolean[],
    %(captured)b::bigint[]
) AS moved (exchange_id, state, posted_at, window_id, ended_at, reason, reversed, kept_leg, cancelled, captured)
WHERE
    exchange.lane = %(lane)b
    AND exchange.exchange_id = any(%(exchange_id)b::uuid[])
    AND exchange.exchange_id = moved.exchange_id
