-- Accounts whose kept sums are not the sums of their entries.
WITH summed AS (
    SELECT
        coalesce(entry.window_id, 0) AS window_id,
        entry.account,
        sum(greatest(entry.amount, 0)) AS debits,
        sum(greatest(-entry.amount, 0)) AS credits
    FROM entry
    WHERE entry.lane = %(lane)b
    GROUP BY coalesce(entry.window_id, 0), entry.account
),

kept AS (
    SELECT
        window_id,
        account,
        debits,
        credits
    FROM position_slice
    WHERE lane = %(lane)b
)

SELECT
    coalesce(summed.window_id, kept.window_id) AS window_id,
    coalesce(summed.account, kept.account) AS account
FROM summed
FULL JOIN kept ON summed.window_id = kept.window_id AND summed.account = kept.account
WHERE summed.debits IS DISTINCT FROM kept.debits OR summed.credits IS DISTINCT FROM kept.credits
ORDER BY window_id, account
