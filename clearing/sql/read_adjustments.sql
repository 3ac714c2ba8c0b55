-- Adjustments and payments that stand under these ids.
SELECT
    adjustment_id,
    kind,
    seq,
    at,
    window_id,
    of_window,
    reason,
    reference,
    lines,
    evidence_id
FROM adjustment
WHERE lane = %(lane)b AND adjustment_id = any(%(adjustment_id)b::uuid[])
