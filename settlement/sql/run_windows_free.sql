-- The windows of an aborted run may be in another.
UPDATE settlement_run_window
SET live = FALSE
WHERE run = %(run)b
