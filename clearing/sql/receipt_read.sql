-- The exchange that stands under a receipt number of a partner.
SELECT
    exchange_id,
    path,
    state,
    target_account AS account
FROM exchange
WHERE
    lane = %(lane)b
    AND partner = %(partner)b
    AND reference = %(reference)b
    AND state <> 'reversed'
