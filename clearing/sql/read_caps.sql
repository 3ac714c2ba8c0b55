-- What these partners may owe, owe, and have pending.
SELECT
    account,
    granted,
    position,
    pending
FROM cap_slice
WHERE lane = %(lane)b AND account = any(%(account)b::integer[])
