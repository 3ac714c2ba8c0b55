-- Exchanges that already use one of these idempotency keys. It may find a neighbour's too; the caller looks only for its own.
SELECT
    exchange_id,
    path,
    original_id,
    partner,
    idempotency_key,
    fingerprint,
    request_id,
    quote_id,
    terms_version,
    state,
    reserved_at,
    posted_at,
    window_id,
    ended_at,
    reason,
    source_program,
    target_program,
    source_account,
    target_account,
    sent,
    received,
    debit,
    funding,
    credit,
    fee,
    rounding,
    reversed,
    kept_leg,
    cancelled,
    reserved_seq
FROM exchange
WHERE
    lane = %(lane)b
    AND partner = any(%(partner)b::text[])
    AND idempotency_key = any(%(idempotency_key)b::text[])
