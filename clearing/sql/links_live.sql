-- The live links of these accounts, at either end, with their latest consents.
SELECT
    link.lane,
    link.link,
    link.source_program,
    link.source_account,
    link.target_program,
    link.target_account,
    link.one_card,
    link.linked_at,
    link.moved_at,
    link.ended_at,
    link.ended_reason,
    latest.scope,
    latest.channels,
    latest.partner,
    latest.key_id,
    latest.evidence_id,
    latest.given_at,
    latest.withdrawn_at
FROM link
LEFT JOIN LATERAL (
    SELECT
        consent.scope,
        consent.channels,
        consent.partner,
        consent.key_id,
        consent.evidence_id,
        consent.given_at,
        consent.withdrawn_at
    FROM consent
    WHERE consent.lane = link.lane AND consent.link = link.link
    ORDER BY consent.number DESC
    LIMIT 1
) AS latest ON TRUE
WHERE
    link.lane = %(lane)b
    AND link.ended_at IS NULL
    AND (link.source_account = any(%(account)b::uuid[]) OR link.target_account = any(%(account)b::uuid[]))
ORDER BY link.linked_at, link.link
