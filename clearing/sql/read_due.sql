-- The orders that are due, longest overdue first.
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
WHERE lane = %(lane)b AND due_at <= %(now)b
ORDER BY due_at
LIMIT %(most)b
