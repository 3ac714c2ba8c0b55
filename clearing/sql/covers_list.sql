-- How much cover each partner has lodged by now, by the kept sums of the books.
SELECT
    partner.partner,
    (position_slice.credits - position_slice.debits)::bigint AS cover
FROM position_slice
INNER JOIN partner ON position_slice.account = partner.number * 16 + 9
WHERE position_slice.lane = %(lane)b AND position_slice.window_id = 0
