-- What each campaign may spend, as it is kept.
SELECT
    campaign,
    units,
    value
FROM budget_slice
WHERE lane = %(lane)b
ORDER BY campaign
