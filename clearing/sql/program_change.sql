-- Where a program is reached and what it declares, from now on. Locks: the program's row.
UPDATE program
SET
    endpoint = %(endpoint)b,
    capabilities = %(capabilities)b
WHERE program = %(program)b AND partner = %(partner)b
