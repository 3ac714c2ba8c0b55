-- Pass 1: the same exchange and amount. A line that says so twice is paired once, the first of them. Both tables are written in the order of
-- their keys: an index that grows at its end costs a fraction of one that grows everywhere.
WITH first AS (
    SELECT DISTINCT ON (book_line.exchange_id)
        book_line.exchange_id,
        book_line.line
    FROM book_line
    INNER JOIN our_line
        ON
            our_line.run = %(run)b
            AND book_line.exchange_id = our_line.our_id
            AND book_line.amount = our_line.amount
            AND coalesce(book_line.points, our_line.points) = our_line.points
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND book_line.status = 'final'
    ORDER BY book_line.exchange_id, book_line.at, book_line.line
),

theirs AS (
    INSERT INTO match_theirs (run, line, match, pass_number)
    SELECT
        %(run)b::bigint AS run,
        first.line,
        first.line AS match,
        1 AS pass_number
    FROM first
    ORDER BY first.line
)

INSERT INTO match_our (run, our_id, match, pass_number)
SELECT
    %(run)b::bigint AS run,
    first.exchange_id,
    first.line AS match,
    1 AS pass_number
FROM first
ORDER BY first.exchange_id
