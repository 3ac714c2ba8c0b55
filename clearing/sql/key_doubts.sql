-- What one key asked for or decided from an instant on, in the order of the log after a place in it. Where nobody has looked yet, the last
-- exchange whose id is surely older says where to begin, since ids begin with their time.
SELECT
    leaf.seq,
    leaf.exchange_id,
    leaf.kind,
    leaf.at
FROM leaf
INNER JOIN evidence
    ON
        leaf.lane = evidence.lane
        AND evidence.evidence_id = (convert_from(leaf.event, 'UTF8')::jsonb ->> 'evidence')::uuid
WHERE
    leaf.lane = %(lane)b
    AND leaf.seq > greatest(
        %(after)b::bigint,
        (
            SELECT exchange.reserved_seq
            FROM exchange
            WHERE exchange.lane = %(lane)b AND exchange.exchange_id < %(older)b
            ORDER BY exchange.exchange_id DESC
            LIMIT 1
        )
    )
    AND leaf.at >= %(since)b
    AND leaf.kind IN ('reserved', 'reversal_reserved', 'cancelled', 'case_resolved')
    AND evidence.key_id = %(key_id)b
ORDER BY leaf.seq
LIMIT %(most)b
