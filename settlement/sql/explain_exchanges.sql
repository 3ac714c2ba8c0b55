-- Exchanges with the versions they were priced by, and the signed request that asked for each.
SELECT
    exchange.exchange_id,
    exchange.kind,
    exchange.path,
    exchange.original_id,
    exchange.partner,
    exchange.state,
    exchange.source_program,
    exchange.target_program,
    exchange.terms_version,
    rate_card.digest AS card_digest,
    source_agreement.digest AS source_digest,
    target_agreement.digest AS target_digest,
    exchange.shares,
    evidence.evidence_id,
    evidence.key_id,
    evidence.signed_at
FROM exchange
INNER JOIN leaf ON leaf.lane = %(lane)b AND exchange.reserved_seq = leaf.seq
LEFT JOIN evidence
    ON
        evidence.lane = %(lane)b
        AND evidence.evidence_id = (convert_from(leaf.event, 'UTF8')::jsonb ->> 'evidence')::uuid
LEFT JOIN program AS source_program ON exchange.source_program = source_program.program
LEFT JOIN program AS target_program ON exchange.target_program = target_program.program
LEFT JOIN rate_card
    ON
        exchange.source_program = rate_card.source
        AND exchange.target_program = rate_card.target
        AND rate_card.version = substring(exchange.terms_version FROM '^card ([0-9]+),')::integer
LEFT JOIN agreement AS source_agreement
    ON
        source_program.partner = source_agreement.partner
        AND source_agreement.version = substring(exchange.terms_version FROM 'agreements? ([0-9]+)')::integer
LEFT JOIN agreement AS target_agreement
    ON
        target_program.partner = target_agreement.partner
        AND target_agreement.version
        = substring(exchange.terms_version FROM '(?:and|^agreement) ([0-9]+)$')::integer
WHERE exchange.lane = %(lane)b AND exchange.exchange_id = any(%(exchange_id)b::uuid[])
ORDER BY exchange.reserved_seq
