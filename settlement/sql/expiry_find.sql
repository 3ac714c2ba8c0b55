-- The report of expired points that has this reference of its program.
SELECT
    program,
    reference,
    window_id,
    as_of,
    points,
    reported_at,
    evidence_id
FROM expiry_report
WHERE program = %(program)b AND reference = %(reference)b
