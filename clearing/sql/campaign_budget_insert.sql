-- File the next budget of a campaign; no row comes back when that version was taken meanwhile.
INSERT INTO campaign_budget (campaign, version, at, units, value, digest, proposed_by, confirmed_by, evidence_id)
VALUES (
    %(campaign)b,
    %(version)b,
    %(at)b,
    %(units)b,
    %(value)b,
    %(digest)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING version
