-- Every change of terms, cover, risk rules, budgets, bank details, papers, the calendar or a sharing contract with its content, and the keys and the base of the two kept requests behind it. What was proposed again has the request of the key that stands for it.
WITH changes AS (
    SELECT
        'agreement' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM agreement
    UNION ALL
    SELECT
        'card' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM rate_card
    UNION ALL
    SELECT
        'cover' AS kind,
        proposal.digest,
        proposal.document,
        proposal.proposed_by,
        evidence.key_id AS confirmed_by,
        movement.evidence_id,
        movement.amount
    FROM (
        SELECT
            lines::jsonb #>> '{0,0}' AS partner,
            -(lines::jsonb #>> '{0,1}')::bigint AS amount,
            reference,
            evidence_id
        FROM adjustment
        WHERE lane = %(lane)b AND kind = 'lodged'
    ) AS movement
    LEFT JOIN proposal
        ON
            proposal.kind = 'cover'
            AND proposal.partner = movement.partner
            AND proposal.document ->> 'reference' = movement.reference
            AND proposal.document ->> 'direction' = CASE WHEN movement.amount > 0 THEN 'in' ELSE 'out' END
            AND (proposal.document ->> 'amount')::bigint = abs(movement.amount)
            AND NOT EXISTS (SELECT 1 FROM proposal AS later WHERE later.digest = proposal.digest AND later.number > proposal.number)
    LEFT JOIN evidence ON evidence.lane = %(lane)b AND movement.evidence_id = evidence.evidence_id
    UNION ALL
    SELECT
        'risk_rules' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM risk_rules
    UNION ALL
    SELECT
        'calendar' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM calendar_version
    UNION ALL
    SELECT
        'bank_details' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM bank_details
    UNION ALL
    SELECT
        kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM paper
    UNION ALL
    SELECT
        'share_contract' AS kind,
        digest,
        document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM share_contract
    UNION ALL
    SELECT
        'campaign' AS kind,
        digest,
        jsonb_build_object('campaign', campaign, 'version', version, 'units', units, 'value', value) AS document,
        proposed_by,
        confirmed_by,
        evidence_id,
        NULL::bigint AS amount
    FROM campaign_budget
)

SELECT
    changes.kind,
    changes.digest,
    changes.document,
    changes.proposed_by,
    changes.confirmed_by,
    changes.amount,
    first_request.key_id AS first_key,
    second_request.key_id AS second_key,
    second_request.base
FROM changes
LEFT JOIN LATERAL (
    SELECT said.evidence_id
    FROM proposal AS said
    WHERE said.digest = changes.digest AND said.proposed_by = changes.proposed_by
    ORDER BY said.number DESC
    LIMIT 1
) AS proposal ON TRUE
LEFT JOIN evidence AS first_request
    ON first_request.lane = %(lane)b AND proposal.evidence_id = first_request.evidence_id
LEFT JOIN evidence AS second_request
    ON second_request.lane = %(lane)b AND changes.evidence_id = second_request.evidence_id
ORDER BY changes.kind, changes.digest
