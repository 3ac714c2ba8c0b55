-- Note when an account was last closed, or a link or consent last ended: what was quoted before is looked at again.
UPDATE lane
SET members_at = greatest(members_at, %(now)b)
WHERE lane = %(lane)b
