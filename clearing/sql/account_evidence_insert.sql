-- Name the members of whom a kept body speaks.
INSERT INTO account_evidence (lane, account, evidence_id)
SELECT
    %(lane)b,
    account,
    %(evidence_id)b
FROM unnest(%(account)b::uuid[]) AS account
