-- What each partner may owe.
SELECT
    account,
    granted
FROM cap_slice
WHERE lane = %(lane)b
