-- Have a row for each of these partners; those that are there stay as they are.
INSERT INTO cap_slice (lane, account, granted, position, pending)
SELECT
    %(lane)b,
    new_row.account,
    0 AS granted,
    0 AS position,
    0 AS pending
FROM unnest(%(account)b::integer[]) AS new_row (account)
ON CONFLICT (lane, account) DO NOTHING
