-- All movements of cover with the two keys behind each, of one partner or (null) of everybody, in order.
SELECT
    movement.partner,
    row_number() OVER (PARTITION BY movement.partner ORDER BY movement.seq) AS number,
    movement.at,
    movement.amount,
    movement.reference,
    proposal.digest,
    proposal.proposed_by,
    evidence.key_id AS confirmed_by
FROM (
    SELECT
        lines::jsonb #>> '{0,0}' AS partner,
        -(lines::jsonb #>> '{0,1}')::bigint AS amount,
        seq,
        at,
        reference,
        evidence_id
    FROM adjustment
    WHERE lane = %(lane)b AND kind = 'lodged'
) AS movement
INNER JOIN proposal
    ON
        proposal.kind = 'cover'
        AND proposal.partner = movement.partner
        AND proposal.document ->> 'reference' = movement.reference
        AND proposal.document ->> 'direction' = CASE WHEN movement.amount > 0 THEN 'in' ELSE 'out' END
        AND (proposal.document ->> 'amount')::bigint = abs(movement.amount)
        AND NOT EXISTS (SELECT 1 FROM proposal AS later WHERE later.digest = proposal.digest AND later.number > proposal.number)
INNER JOIN evidence ON evidence.lane = %(lane)b AND movement.evidence_id = evidence.evidence_id
WHERE %(partner)b::text IS NULL OR movement.partner = %(partner)b::text
ORDER BY movement.partner, movement.seq
