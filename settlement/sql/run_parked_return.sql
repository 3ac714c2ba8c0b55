-- What this run resumed waits again.
UPDATE settlement_parked
SET resumed_by = NULL
WHERE resumed_by = %(run)b
