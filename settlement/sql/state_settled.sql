-- Money that moved between two places of the log: what was paid for earlier nets, at each account that it moved.
SELECT
    entry.account,
    adjustment.at,
    coalesce(adjustment.reference, adjustment.reason) AS reference,
    entry.amount
FROM entry
INNER JOIN adjustment ON adjustment.lane = %(lane)b AND entry.exchange_id = adjustment.adjustment_id
WHERE
    entry.lane = %(lane)b
    AND entry.seq >= %(first)b::bigint
    AND entry.seq < %(until)b::bigint
    AND entry.window_id IS NULL
    AND entry.account = any(%(accounts)b::integer[])
ORDER BY entry.account, entry.seq, entry.line
