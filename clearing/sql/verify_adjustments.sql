-- Every adjustment and payment.
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
WHERE lane = %(lane)b
