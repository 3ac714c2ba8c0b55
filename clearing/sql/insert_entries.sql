-- Book these lines, for ever.
INSERT INTO entry (
    lane,
    seq,
    line,
    account,
    window_id,
    amount,
    exchange_id
)
SELECT
    %(lane)b,
    new_row.seq,
    new_row.line,
    new_row.account,
    new_row.window_id,
    new_row.amount,
    new_row.exchange_id
FROM unnest(
    %(seq)b::bigint[],
    %(line)b::smallint[],
    %(account)b::integer[],
    %(window_id)b::integer[],
    %(amount)b::bigint[],
    %(exchange_id)b::uuid[]
) AS new_row (seq, line, account, window_id, amount, exchange_id)
