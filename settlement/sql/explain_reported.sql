-- What a program reported in some windows, report by report: of what moved outside of the house, and of what expired by itself.
SELECT
    reference,
    reported_at,
    evidence_id,
    issued,
    redeemed,
    expired
FROM outside_report
WHERE lane = %(lane)b AND program = %(program)b AND window_id = any(%(window_id)b::integer[])
UNION ALL
SELECT
    reference,
    reported_at,
    evidence_id,
    0 AS issued,
    0 AS redeemed,
    points AS expired
FROM expiry_report
WHERE lane = %(lane)b AND program = %(program)b AND window_id = any(%(window_id)b::integer[])
ORDER BY reported_at, reference
