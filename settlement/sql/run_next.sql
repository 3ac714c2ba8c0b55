-- The number of the next run.
SELECT (coalesce(max(match_run.run), 0) + 1)::bigint AS run
FROM match_run
