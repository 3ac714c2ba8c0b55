-- Close an account, once; merged into another, once. Locks: the account's row.
UPDATE account
SET
    closed_at = coalesce(closed_at, %(now)b),
    merged_into = coalesce(merged_into, %(survivor)b)
WHERE lane = %(lane)b AND account = %(account)b
