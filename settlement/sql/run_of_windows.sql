-- The live runs of these windows.
SELECT DISTINCT run
FROM settlement_run_window
WHERE window_id = any(%(windows)b) AND live
ORDER BY run
