-- Which receipt numbers of these partners stand. It may find a neighbour's too; the caller looks only for its own.
SELECT
    partner,
    reference
FROM exchange
WHERE
    lane = %(lane)b
    AND partner = any(%(partner)b::text[])
    AND reference = any(%(reference)b::text[]) AND reference IS NOT NULL
    AND state <> 'reversed'
