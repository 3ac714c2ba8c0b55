-- Which of these quotes an exchange has used.
SELECT quote_id
FROM exchange
WHERE lane = %(lane)b AND quote_id = any(%(quote_id)b::uuid[]) AND original_id IS NULL
