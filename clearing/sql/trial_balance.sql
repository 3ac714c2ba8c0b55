-- The sums of every account, over all windows.
SELECT
    account,
    sum(debits)::bigint AS debits,
    sum(credits)::bigint AS credits
FROM position_slice
WHERE lane = %(lane)b
GROUP BY account
ORDER BY account
