-- A partner's room has fallen below its low water; no row comes back where that is known.
INSERT INTO low_water (partner, number, began_at, room, agreed)
SELECT
    %(partner)b,
    coalesce(max(number), 0) + 1 AS number,
    %(at)b,
    %(room)b,
    %(agreed)b
FROM low_water
WHERE partner = %(partner)b
ON CONFLICT DO NOTHING
RETURNING number
