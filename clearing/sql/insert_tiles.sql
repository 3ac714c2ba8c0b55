-- Keep the subtrees that these leaves completed, every eighth level.
INSERT INTO tile (
    lane,
    level,
    place,
    hash
)
SELECT
    %(lane)b,
    new_row.level,
    new_row.place,
    new_row.hash
FROM unnest(
    %(level)b::smallint[],
    %(place)b::bigint[],
    %(hash)b::bytea[]
) AS new_row (level, place, hash)
