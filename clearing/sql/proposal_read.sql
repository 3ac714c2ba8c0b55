-- One proposal, as it was proposed last.
SELECT
    digest,
    kind,
    partner,
    document,
    proposed_at,
    proposed_by,
    evidence_id
FROM proposal
WHERE digest = %(digest)b
ORDER BY number DESC
LIMIT 1
