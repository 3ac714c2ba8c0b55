-- Drop the keys of all sealed bodies that speak of these members. Locks: the rows of the evidence.
UPDATE evidence
SET wrapped = NULL
WHERE
    lane = %(lane)b
    AND wrapped IS NOT NULL
    AND evidence_id IN (
        SELECT account_evidence.evidence_id
        FROM account_evidence
        WHERE account_evidence.lane = %(lane)b AND account_evidence.account = any(%(account)b::uuid[])
    )
RETURNING evidence_id
