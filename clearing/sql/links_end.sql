-- End links that have not ended. Locks: the rows of the links.
UPDATE link
SET
    ended_at = %(now)b,
    ended_reason = %(reason)b
WHERE lane = %(lane)b AND link = any(%(link)b::uuid[]) AND ended_at IS NULL
