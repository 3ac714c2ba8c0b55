-- What a booking of this name refers to, if a run made it of a contract.
SELECT reference
FROM adjustment
WHERE lane = %(lane)b AND adjustment_id = %(name)b AND kind = 'adjusted' AND reason = 'share'
