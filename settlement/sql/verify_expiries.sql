-- How many reports of programs there are, and the evidence of those that no kept request of the program's own partner proves.
WITH report AS (
    SELECT
        lane,
        program,
        evidence_id
    FROM expiry_report
    UNION ALL
    SELECT
        lane,
        program,
        evidence_id
    FROM outside_report
)

SELECT
    count(*) AS named,
    array_agg(report.evidence_id) FILTER (WHERE key.key_id IS NULL) AS missing
FROM report
INNER JOIN program ON report.program = program.program
LEFT JOIN evidence ON report.lane = evidence.lane AND report.evidence_id = evidence.evidence_id
LEFT JOIN key ON evidence.key_id = key.key_id AND program.partner = key.partner
WHERE report.lane = %(lane)b
