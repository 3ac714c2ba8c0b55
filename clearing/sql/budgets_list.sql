-- What every campaign may spend, and what it has promised.
SELECT
    campaign,
    units,
    value,
    units_used,
    value_used
FROM budget_slice
WHERE lane = %(lane)b
