-- Events of the log by number.
SELECT
    seq,
    salt,
    event,
    hash
FROM leaf
WHERE lane = %(lane)b AND seq = any(%(seq)b::bigint[])
