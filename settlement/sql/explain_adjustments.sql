-- Adjustments and payments, and the signed request behind each, where there is one; and, of what was booked late, its window and the one that it
-- was carried to.
SELECT
    adjustment.adjustment_id,
    adjustment.kind,
    adjustment.reason,
    adjustment.reference,
    late.code AS of_window,
    stands.code AS carried_to,
    evidence.evidence_id,
    evidence.key_id,
    evidence.signed_at
FROM adjustment
LEFT JOIN calendar AS stands ON adjustment.window_id = stands.window_id
LEFT JOIN calendar AS late ON adjustment.of_window = late.window_id AND late.window_id <> stands.window_id
LEFT JOIN evidence ON evidence.lane = %(lane)b AND adjustment.evidence_id = evidence.evidence_id
WHERE adjustment.lane = %(lane)b AND adjustment.adjustment_id = any(%(adjustment_id)b::uuid[])
ORDER BY adjustment.seq
