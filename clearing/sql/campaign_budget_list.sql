-- All budgets that were ever filed, in order: of each campaign the last one counts.
SELECT
    campaign,
    version,
    at,
    units,
    value,
    digest,
    proposed_by,
    confirmed_by
FROM campaign_budget
ORDER BY campaign, version
