-- The proposals that became nothing yet and still can: a budget is proposed as the next of its campaign, and of one reference one movement of cover is booked. Each as it was proposed last.
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
    NOT EXISTS (SELECT 1 FROM proposal AS later WHERE later.digest = proposal.digest AND later.number > proposal.number)
    AND NOT EXISTS (SELECT 1 FROM agreement WHERE agreement.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM rate_card WHERE rate_card.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM calendar_version WHERE calendar_version.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM bank_details WHERE bank_details.digest = proposal.digest)
    AND NOT EXISTS (
        SELECT 1
        FROM adjustment
        WHERE
            proposal.kind = 'cover'
            AND adjustment.lane = %(lane)b
            AND adjustment.kind = 'lodged'
            AND adjustment.reference = proposal.document ->> 'reference'
            AND adjustment.lines::jsonb #>> '{0,0}' = proposal.partner
    )
    AND NOT EXISTS (SELECT 1 FROM paper WHERE paper.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM share_contract WHERE share_contract.digest = proposal.digest)
    AND NOT EXISTS (SELECT 1 FROM risk_rules WHERE risk_rules.digest = proposal.digest)
    AND NOT EXISTS (
        SELECT 1
        FROM campaign_budget
        WHERE
            proposal.kind = 'campaign'
            AND campaign_budget.campaign = proposal.document ->> 'campaign'
            AND campaign_budget.version >= (proposal.document ->> 'version')::integer
    )
ORDER BY proposed_at, digest
