-- Adjustments and payments, and the signed request behind each, where there is one.
SELECT
    adjustment.adjustment_id,
    adjustment.kind,
    adjustment.reason,
    adjustment.reference,
    evidence.evidence_id,
    evidence.key_id,
    evidence.signed_at
FROM adjustment
LEFT JOIN evidence ON evidence.lane = %(lane)b AND adjustment.evidence_id = evidence.evidence_id
WHERE adjustment.lane = %(lane)b AND adjustment.adjustment_id = any(%(adjustment_id)b::uuid[])
ORDER BY adjustment.seq
