-- The review queue: open cases, the first due first.
SELECT
    seq,
    exchange_id,
    leg,
    kind,
    owner,
    opened_at,
    due_at,
    detail
FROM review_case
WHERE lane = %(lane)b AND closed_at IS NULL
ORDER BY due_at, seq
