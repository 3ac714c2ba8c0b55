-- What these campaigns may spend, and what they have promised.
SELECT
    campaign,
    units,
    value,
    units_used,
    value_used
FROM budget_slice
WHERE lane = %(lane)b AND campaign = any(%(campaign)b::text[])
