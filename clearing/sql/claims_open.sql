-- The claims of a partner that are neither rejected nor matched by an issue, the oldest first; those after a place.
SELECT
    claim.lane,
    claim.claim,
    claim.program,
    claim.account,
    claim.partner,
    claim.reference,
    claim.occurred_at,
    claim.units,
    claim.claimed_at,
    claim.evidence_id,
    claim.rejected_at,
    claim.rejected_reason,
    paid.exchange_id AS receipt_exchange_id,
    paid.path AS receipt_path,
    paid.state AS receipt_state,
    paid.target_account AS receipt_account
FROM claim
LEFT JOIN exchange AS paid
    ON
        claim.lane = paid.lane
        AND claim.partner = paid.partner
        AND claim.reference = paid.reference
        AND paid.state <> 'reversed'
WHERE
    claim.lane = %(lane)b
    AND claim.partner = %(partner)b
    AND claim.rejected_at IS NULL
    AND paid.path IS DISTINCT FROM 'issued'
    AND (%(after_at)b::timestamptz IS NULL OR (claim.claimed_at, claim.claim) > (%(after_at)b, %(after)b::uuid))
ORDER BY claim.claimed_at, claim.claim
LIMIT %(most)b::bigint
