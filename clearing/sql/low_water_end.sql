-- Everybody but these has room again.
UPDATE low_water
SET ended_at = %(at)b
WHERE ended_at IS NULL AND partner <> all(%(below)b::text[])
