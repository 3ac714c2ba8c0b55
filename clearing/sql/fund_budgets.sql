-- What campaigns may spend in all. What is promised stays promised.
INSERT INTO budget_slice (
    lane,
    campaign,
    units,
    value,
    units_used,
    value_used
)
SELECT
    %(lane)b,
    new_row.campaign,
    new_row.units,
    new_row.value,
    0 AS units_used,
    0 AS value_used
FROM unnest(
    %(campaign)b::text[],
    %(units)b::bigint[],
    %(value)b::bigint[]
) AS new_row (campaign, units, value)
ON CONFLICT (lane, campaign) DO UPDATE SET units = excluded.units, value = excluded.value
