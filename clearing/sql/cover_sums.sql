-- How much each partner has lodged by now.
SELECT
    partner,
    sum(amount)::bigint AS cover
FROM cover
GROUP BY partner
