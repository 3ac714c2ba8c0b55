-- Every lane, in the order in which they are locked.
SELECT lane
FROM lane
ORDER BY lane
