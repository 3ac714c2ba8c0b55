-- What a run matched, pass by pass, and what it broke, class by class.
SELECT
    'pass' AS kind,
    match_theirs.pass_number::text AS name,
    count(*) AS lines
FROM match_theirs
WHERE match_theirs.run = %(run)b
GROUP BY match_theirs.pass_number
UNION ALL
SELECT
    'ours' AS kind,
    match_our.pass_number::text AS name,
    count(*) AS lines
FROM match_our
WHERE match_our.run = %(run)b
GROUP BY match_our.pass_number
UNION ALL
SELECT
    'class' AS kind,
    break_item.class AS name,
    count(*) AS lines
FROM break_item
WHERE break_item.run = %(run)b
GROUP BY break_item.class
ORDER BY kind, name
