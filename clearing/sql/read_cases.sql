-- Cases by their number in the log.
SELECT
    seq,
    exchange_id,
    leg,
    kind,
    closed_at,
    decision,
    closed_by
FROM review_case
WHERE lane = %(lane)b AND seq = any(%(seq)b::bigint[])
