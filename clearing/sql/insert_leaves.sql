-- Append these events to the log.
INSERT INTO leaf (
    lane,
    seq,
    at,
    kind,
    exchange_id,
    salt,
    event,
    hash
)
SELECT
    %(lane)b,
    new_row.seq,
    new_row.at,
    new_row.kind,
    new_row.exchange_id,
    new_row.salt,
    new_row.event,
    new_row.hash
FROM unnest(
    %(seq)b::bigint[],
    %(at)b::timestamptz[],
    %(kind)b::text[],
    %(exchange_id)b::uuid[],
    %(salt)b::bytea[],
    %(event)b::bytea[],
    %(hash)b::bytea[]
) AS new_row (seq, at, kind, exchange_id, salt, event, hash)
