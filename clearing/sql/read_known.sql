-- Exchanges that already use one of these idempotency keys, each with the leaf of its receipt.
SELECT
    exchange.exchange_id,
    exchange.path,
    exchange.original_id,
    exchange.partner,
    exchange.idempotency_key,
    exchange.fingerprint,
    exchange.request_id,
    exchange.quote_id,
    exchange.terms_version,
    exchange.state,
    exchange.reserved_at,
    exchange.posted_at,
    exchange.window_id,
    exchange.ended_at,
    exchange.reason,
    exchange.source_program,
    exchange.target_program,
    exchange.source_account,
    exchange.target_account,
    exchange.sent,
    exchange.received,
    exchange.debit,
    exchange.funding,
    exchange.credit,
    exchange.fee,
    exchange.rounding,
    exchange.reversed,
    exchange.kept_leg,
    exchange.cancelled,
    exchange.reserved_seq,
    leaf.salt,
    leaf.event,
    leaf.hash
FROM unnest(%(partner)b::text[], %(idempotency_key)b::text[]) AS asked (partner, idempotency_key)
INNER JOIN exchange
    ON
        exchange.lane = %(lane)b
        AND exchange.partner = asked.partner
        AND exchange.idempotency_key = asked.idempotency_key
INNER JOIN leaf ON leaf.lane = %(lane)b AND leaf.seq = exchange.reserved_seq
