-- What one partner may owe, owes and has pending.
SELECT
    granted,
    position,
    pending
FROM cap_slice
WHERE lane = %(lane)b AND account = %(account)b
