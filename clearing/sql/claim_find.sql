-- The one claim of a receipt for an account.
SELECT claim
FROM claim
WHERE
    lane = %(lane)b
    AND partner = %(partner)b
    AND reference = %(reference)b
    AND account = %(account)b
