-- What became of the lines of a book that are not matched: one row a line, in order.
SELECT
    book_line.line,
    break_item.class,
    break_item.break_id
FROM book_line
INNER JOIN break_item
    ON
        book_line.partner = break_item.partner
        AND book_line.window_id = break_item.window_id
        AND book_line.line = break_item.line
WHERE
    book_line.partner = %(partner)b
    AND book_line.window_id = %(window_id)b
    AND book_line.line BETWEEN %(first)b AND %(last)b
    AND break_item.state <> 'cleared'
ORDER BY book_line.line
