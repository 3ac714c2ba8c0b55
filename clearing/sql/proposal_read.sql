-- One proposal.
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
