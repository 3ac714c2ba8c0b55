-- How many claims and rejections there are, and those whose evidence is not there or was signed by another than whose word it is.
SELECT
    count(*) AS named,
    array_agg(said.evidence_id) FILTER (
        WHERE evidence.evidence_id IS NULL OR key.partner IS DISTINCT FROM said.partner
    ) AS missing
FROM (
    SELECT
        claim.lane,
        claim.evidence_id,
        program.partner
    FROM claim
    INNER JOIN program ON claim.program = program.program
    UNION ALL
    SELECT
        lane,
        rejection_id AS evidence_id,
        partner
    FROM claim
    WHERE rejection_id IS NOT NULL
) AS said
LEFT JOIN evidence ON said.lane = evidence.lane AND said.evidence_id = evidence.evidence_id
LEFT JOIN key ON evidence.key_id = key.key_id
WHERE said.lane = %(lane)b
