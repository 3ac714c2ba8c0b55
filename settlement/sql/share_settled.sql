-- What earlier runs booked of contracts in a window: it was settled with them, party by party, plus owes the house.
SELECT
    line.said ->> 0 AS party,
    sum((line.said ->> 1)::bigint)::bigint AS micros
FROM adjustment
CROSS JOIN LATERAL jsonb_array_elements(adjustment.lines::jsonb) AS line (said)
WHERE
    adjustment.lane = %(lane)b
    AND adjustment.window_id = %(window_id)b
    AND adjustment.kind = 'adjusted'
    AND adjustment.reason = 'share'
GROUP BY 1
ORDER BY 1
