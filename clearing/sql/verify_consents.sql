-- How many consents there are, and those whose evidence is not there or was signed by another key.
SELECT
    count(*) AS named,
    array_agg(consent.evidence_id) FILTER (
        WHERE evidence.evidence_id IS NULL OR evidence.key_id <> consent.key_id
    ) AS missing
FROM consent
LEFT JOIN evidence ON consent.lane = evidence.lane AND consent.evidence_id = evidence.evidence_id
WHERE consent.lane = %(lane)b
