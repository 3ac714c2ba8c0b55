-- What was booked by each event, in the order of the log.
SELECT
    seq,
    array_agg(ARRAY[account::bigint, amount] ORDER BY line) AS entries
FROM entry
WHERE lane = %(lane)b
GROUP BY seq
ORDER BY seq
