-- The proposals that became neither an agreement nor a movement of cover.
SELECT
    digest,
    kind,
    partner,
    document,
    proposed_at,
    proposed_by,
    evidence_id
FROM proposal
WHERE
    NOT EXISTS (SELECT 1 FROM agreement WHERE agreement.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM cover WHERE cover.digest = proposal.digest)
ORDER BY proposed_at, digest
