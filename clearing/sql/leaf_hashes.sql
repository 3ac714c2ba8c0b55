-- Hashes of the leaves from `first` up to, and without, `last`.
SELECT hash
FROM leaf
WHERE lane = %(lane)b AND seq >= %(first)b AND seq < %(last)b
ORDER BY seq
