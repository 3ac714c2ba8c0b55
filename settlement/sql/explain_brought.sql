-- The sum of the entries of an account up to one of them.
SELECT coalesce(sum(amount), 0)::bigint AS brought
FROM entry
WHERE
    lane = %(lane)b
    AND account = %(account)b::integer
    AND seq >= %(first)b::bigint
    AND seq < %(until)b::bigint
    AND (window_id = any(%(windows)b::integer[]) OR %(windows)b::integer[] IS NULL)
    AND (sign(amount) = %(sign)b::integer OR %(sign)b::integer = 0)
    AND (seq, line) <= (%(after_seq)b::bigint, %(after_line)b::smallint)
