-- Drop the key of a sealed membership number: nobody opens it again. Locks: the account's row.
UPDATE account
SET wrapped = NULL
WHERE lane = %(lane)b AND account = %(account)b
RETURNING account
