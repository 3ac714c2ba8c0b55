-- The signed request that confirmed a payment of a run; where there is none, the one that froze the run.
SELECT evidence_id
FROM settlement_run_event
WHERE
    run = %(run)b
    AND (step = 'frozen' OR (step = 'confirmed' AND starts_with(detail, %(instruction)b::text || ': ')))
ORDER BY number DESC
LIMIT 1
