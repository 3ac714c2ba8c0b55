-- Every order of these exchanges.
SELECT
    exchange_id,
    leg,
    operation,
    program,
    account,
    amount,
    refers,
    state,
    lease,
    due_at,
    created_at,
    sent_at,
    attempts,
    answered_at,
    reason,
    evidence_id
FROM orders
WHERE lane = %(lane)b AND exchange_id = any(%(exchange_id)b::uuid[])
