-- Forget a membership number under every token that it ever had. Locks: the rows of these accounts.
UPDATE account
SET
    number_index = NULL,
    number_mask = %(mask)b,
    wrapped = NULL,
    erased_at = %(now)b,
    closed_at = coalesce(account.closed_at, %(now)b)
FROM account AS named
WHERE
    account.lane = %(lane)b
    AND named.lane = account.lane
    AND named.account = %(account)b
    AND account.program = named.program
    AND account.number_index = named.number_index
RETURNING account.account
