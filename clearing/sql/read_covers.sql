-- What is lodged in these accounts of cover.
SELECT
    account,
    (credits - debits)::bigint AS lodged
FROM position_slice
WHERE lane = %(lane)b AND window_id = 0 AND account = any(%(account)b::integer[])
