-- Every booking that a run made of a contract.
SELECT
    reference,
    lines
FROM adjustment
WHERE lane = %(lane)b AND kind = 'adjusted' AND reason = %(reason)b
ORDER BY seq
