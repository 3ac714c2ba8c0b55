-- Move what is booked and what is pending: one row for each partner that the batch touched.
UPDATE cap_slice
SET
    position = cap_slice.position + moved.position,
    pending = cap_slice.pending + moved.pending
FROM unnest(
    %(account)b::integer[],
    %(position)b::bigint[],
    %(pending)b::bigint[]
) AS moved (account, position, pending)
WHERE
    cap_slice.lane = %(lane)b
    AND cap_slice.account = any(%(account)b::integer[])
    AND cap_slice.account = moved.account
