-- Hashes of the kept subtrees of one level from `first` up to, and without, `last`.
SELECT hash
FROM tile
WHERE lane = %(lane)b AND level = %(level)b AND place >= %(first)b AND place < %(last)b
ORDER BY place
