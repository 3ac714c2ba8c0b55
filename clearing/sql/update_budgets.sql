-- Promise bonuses, or give them back: one row for each campaign that the batch touched.
UPDATE budget_slice
SET
    units_used = budget_slice.units_used + moved.units_used,
    value_used = budget_slice.value_used + moved.value_used
FROM unnest(
    %(campaign)b::text[],
    %(units_used)b::bigint[],
    %(value_used)b::bigint[]
) AS moved (campaign, units_used, value_used)
WHERE
    budget_slice.lane = %(lane)b
    AND budget_slice.campaign = any(%(campaign)b::text[])
    AND budget_slice.campaign = moved.campaign
