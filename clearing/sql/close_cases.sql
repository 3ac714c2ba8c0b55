-- Close these cases.
UPDATE review_case
SET
    closed_at = moved.closed_at,
    decision = moved.decision,
    closed_by = moved.closed_by
FROM unnest(
    %(seq)b::bigint[],
    %(closed_at)b::timestamptz[],
    %(decision)b::text[],
    %(closed_by)b::text[]
) AS moved (seq, closed_at, decision, closed_by)
WHERE
    review_case.lane = %(lane)b
    AND review_case.seq = any(%(seq)b::bigint[])
    AND review_case.seq = moved.seq
