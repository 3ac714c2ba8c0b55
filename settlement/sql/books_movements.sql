-- What was added to and taken from every account between two places of the log, out of the entries.
SELECT
    account,
    sum(greatest(amount, 0))::bigint AS debits,
    sum(greatest(-amount, 0))::bigint AS credits
FROM entry
WHERE lane = %(lane)b AND seq >= %(first)b::bigint AND seq < %(until)b::bigint
GROUP BY account
ORDER BY account
