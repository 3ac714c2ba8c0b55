-- The kept subtrees.
SELECT
    level,
    place,
    hash
FROM tile
WHERE lane = %(lane)b
