-- Grant net debit caps.
INSERT INTO cap_slice (
    lane,
    account,
    granted,
    position,
    pending
)
SELECT
    %(lane)b,
    new_row.account,
    new_row.granted,
    new_row.position,
    new_row.pending
FROM unnest(
    %(account)b::integer[],
    %(granted)b::bigint[],
    %(position)b::bigint[],
    %(pending)b::bigint[]
) AS new_row (account, granted, position, pending)
ON CONFLICT (lane, account) DO UPDATE SET granted = excluded.granted
