-- Which of these accounts are closed: by their program, in a merger, or erased.
SELECT account
FROM account
WHERE lane = %(lane)b AND account = any(%(account)b::uuid[]) AND closed_at IS NOT NULL
