-- Add to the sums of accounts in their windows: one row for each account and window that the batch touched.
INSERT INTO position_slice (
    lane,
    window_id,
    account,
    debits,
    credits
)
SELECT
    %(lane)b,
    new_row.window_id,
    new_row.account,
    new_row.debits,
    new_row.credits
FROM unnest(
    %(window_id)b::integer[],
    %(account)b::integer[],
    %(debits)b::bigint[],
    %(credits)b::bigint[]
) AS new_row (window_id, account, debits, credits)
ON CONFLICT (lane, window_id, account) DO UPDATE
SET
    debits = position_slice.debits + excluded.debits,
    credits = position_slice.credits + excluded.credits
