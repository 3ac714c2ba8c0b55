-- How many cases are open.
SELECT count(*) AS cases
FROM review_case
WHERE lane = %(lane)b AND closed_at IS NULL
