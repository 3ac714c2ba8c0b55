-- The position of every account of value in a window, as it is kept beside the entries.
SELECT
    account,
    (debits - credits)::bigint AS amount
FROM position_slice
WHERE lane = %(lane)b AND window_id = %(window_id)b AND mod(account, 16) IN (8, 14, 15)
