-- Open these cases.
INSERT INTO review_case (
    lane,
    seq,
    exchange_id,
    leg,
    kind,
    owner,
    opened_at,
    due_at,
    detail
)
SELECT
    %(lane)b,
    new_row.seq,
    new_row.exchange_id,
    new_row.leg,
    new_row.kind,
    new_row.owner,
    new_row.opened_at,
    new_row.due_at,
    new_row.detail
FROM unnest(
    %(seq)b::bigint[],
    %(exchange_id)b::uuid[],
    %(leg)b::smallint[],
    %(kind)b::text[],
    %(owner)b::text[],
    %(opened_at)b::timestamptz[],
    %(due_at)b::timestamptz[],
    %(detail)b::text[]
) AS new_row (seq, exchange_id, leg, kind, owner, opened_at, due_at, detail)
