-- How many reports of expired points there are, and the evidence of those that no kept request of the program's own partner proves.
SELECT
    count(*) AS named,
    array_agg(expiry_report.evidence_id) FILTER (WHERE key.key_id IS NULL) AS missing
FROM expiry_report
INNER JOIN program ON expiry_report.program = program.program
LEFT JOIN evidence ON expiry_report.lane = evidence.lane AND expiry_report.evidence_id = evidence.evidence_id
LEFT JOIN key ON evidence.key_id = key.key_id AND program.partner = key.partner
WHERE expiry_report.lane = %(lane)b
