-- Which of these exchanges have a reversal that has not ended.
SELECT original_id
FROM exchange
WHERE lane = %(lane)b AND original_id = any(%(exchange_id)b::uuid[]) AND ended_at IS NULL
