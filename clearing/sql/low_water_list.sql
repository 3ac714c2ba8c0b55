-- Times in which a partner (null: anybody) was below its low water, the latest first; those after a place in this order.
SELECT
    partner,
    number,
    began_at,
    room,
    agreed,
    ended_at
FROM low_water
WHERE
    (%(partner)b::text IS NULL OR partner = %(partner)b::text)
    AND (
        %(after_at)b::timestamptz IS NULL
        OR began_at < %(after_at)b
        OR (began_at = %(after_at)b AND partner > %(after)b::text)
    )
ORDER BY began_at DESC, partner ASC
LIMIT %(most)b::bigint
