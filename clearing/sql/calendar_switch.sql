-- Have a lane go by this version of the calendar from its next batch on. Locks: the lane row, which the caller holds.
UPDATE lane
SET calendar = %(version)b
WHERE lane = %(lane)b
