-- What the program of one account did for it, newest first, with the answers that said so: signed, and sealed; those after a place.
WITH moving AS (
    SELECT exchange.exchange_id
    FROM exchange
    WHERE exchange.lane = %(lane)b AND exchange.source_account = %(account)b
    UNION
    SELECT exchange.exchange_id
    FROM exchange
    WHERE exchange.lane = %(lane)b AND exchange.target_account = %(account)b
)

SELECT
    orders.exchange_id,
    orders.leg,
    orders.operation,
    orders.amount,
    orders.answered_at,
    evidence.evidence_id,
    evidence.kind,
    evidence.key_id,
    evidence.signed_at,
    evidence.base,
    evidence.signature,
    evidence.digest,
    evidence.meta,
    evidence.kek_id,
    evidence.wrapped,
    evidence.seal_nonce,
    evidence.box
FROM moving
INNER JOIN orders ON orders.lane = %(lane)b AND moving.exchange_id = orders.exchange_id
INNER JOIN evidence ON evidence.lane = %(lane)b AND orders.evidence_id = evidence.evidence_id
WHERE
    orders.account = %(account)b
    AND orders.state = 'done'
    AND (
        %(after_at)b::timestamptz IS NULL
        OR orders.answered_at < %(after_at)b
        OR (
            orders.answered_at = %(after_at)b
            AND (orders.exchange_id, -orders.leg) > (%(after_exchange)b::uuid, -%(after_leg)b::int)
        )
    )
ORDER BY orders.answered_at DESC, orders.exchange_id ASC, orders.leg DESC
LIMIT %(most)b
