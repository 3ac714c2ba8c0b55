-- The latest times in which a partner (null: anybody) was below its low water, the latest first.
SELECT
    partner,
    number,
    began_at,
    room,
    agreed,
    ended_at
FROM low_water
WHERE %(partner)b::text IS NULL OR partner = %(partner)b::text
ORDER BY began_at DESC, partner ASC
LIMIT %(most)b
