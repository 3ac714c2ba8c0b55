-- What adjustments moved of the house's before a place of the log, by their reasons and by their own words.
SELECT
    adjustment.reason,
    sum((said.line ->> 1)::bigint)::bigint AS amount
FROM adjustment
CROSS JOIN LATERAL jsonb_array_elements(adjustment.lines::jsonb) AS said (line)
WHERE
    adjustment.lane = %(lane)b
    AND adjustment.kind = 'adjusted'
    AND adjustment.seq < %(until)b::bigint
    AND said.line ->> 0 = 'house'
GROUP BY adjustment.reason
ORDER BY adjustment.reason
