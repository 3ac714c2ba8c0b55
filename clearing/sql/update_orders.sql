-- Record what became of these orders, and who holds them.
UPDATE orders
SET
    state = moved.state,
    lease = moved.lease,
    due_at = moved.due_at,
    sent_at = moved.sent_at,
    attempts = moved.attempts,
    answered_at = moved.answered_at,
    reason = moved.reason,
    evidence_id = moved.evidence_id
FROM unnest(
    %(exchange_id)b::uuid[],
    %(leg)b::smallint[],
    %(state)b::text[],
    %(lease)b::uuid[],
    %(due_at)b::timestamptz[],
    %(sent_at)b::timestamptz[],
    %(attempts)b::integer[],
    %(answered_at)b::timestamptz[],
    %(reason)b::text[],
    %(evidence_id)b::uuid[]
) AS moved (exchange_id, leg, state, lease, due_at, sent_at, attempts, answered_at, reason, evidence_id)
WHERE
    orders.lane = %(lane)b
    AND orders.exchange_id = any(%(exchange_id)b::uuid[])
    AND orders.exchange_id = moved.exchange_id
    AND orders.leg = moved.leg
