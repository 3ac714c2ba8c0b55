-- Another key stands for what was proposed from now on, unless yet another was first.
INSERT INTO proposal (digest, number, kind, partner, document, proposed_at, proposed_by, evidence_id)
SELECT
    digest,
    number + 1 AS number,
    kind,
    partner,
    document,
    %(proposed_at)b,
    %(proposed_by)b,
    %(evidence_id)b
FROM proposal
WHERE digest = %(digest)b AND evidence_id = %(before)b
ON CONFLICT DO NOTHING
