-- Receipt numbers of a partner under which more than one exchange stands.
SELECT
    partner,
    reference
FROM exchange
WHERE lane = %(lane)b AND reference IS NOT NULL AND state <> 'reversed'
GROUP BY partner, reference
HAVING count(*) > 1
ORDER BY partner, reference
LIMIT 20
