-- Exchanges whose reversed part is not the sum of their reversals that have not been voided.
SELECT original.exchange_id
FROM exchange AS original
LEFT JOIN exchange AS reversal
    ON original.lane = reversal.lane
    AND original.exchange_id = reversal.original_id
    AND reversal.state <> 'reversed'
WHERE original.lane = %(lane)b AND original.original_id IS NULL
GROUP BY original.exchange_id, original.reversed
HAVING original.reversed <> coalesce(sum(CASE WHEN reversal.sent = 0 THEN reversal.received ELSE reversal.sent END), 0)
ORDER BY original.exchange_id
LIMIT 20
