-- What every partner may owe, owes and has pending.
SELECT
    account,
    granted,
    position,
    pending
FROM cap_slice
WHERE lane = %(lane)b
