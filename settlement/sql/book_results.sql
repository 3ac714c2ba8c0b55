-- What became of the lines of a book, one row a line: which pass of the newest run matched it, with what, and its break. A page of them.
WITH newest AS MATERIALIZED (
    SELECT max(match_run.run) AS run
    FROM match_run
    WHERE match_run.partner = %(partner)b AND match_run.window_id = %(window_id)b
),

page AS MATERIALIZED (
    SELECT
        book_line.line,
        book_line.status,
        book_line.exchange_id
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND book_line.line > %(after)b
        AND book_line.line BETWEEN %(first)b AND %(last)b
    ORDER BY book_line.line
    LIMIT %(most)b
),

matched AS MATERIALIZED (
    SELECT match_theirs.*
    FROM page
    INNER JOIN newest ON TRUE
    INNER JOIN match_theirs ON newest.run = match_theirs.run AND page.line = match_theirs.line
),

items AS (
    SELECT
        match_our.match,
        (array_agg(match_our.our_id ORDER BY match_our.our_id))[1:10] AS our_ids
    FROM match_our
    INNER JOIN newest ON match_our.run = newest.run
    WHERE match_our.match IN (SELECT matched.match FROM matched)
    GROUP BY match_our.match
),

broken AS (
    SELECT DISTINCT ON (break_item.line)
        break_item.line,
        break_item.class,
        break_item.break_id,
        break_item.state
    FROM break_item
    WHERE
        break_item.partner = %(partner)b
        AND break_item.window_id = %(window_id)b
        AND break_item.line IN (SELECT page.line FROM page)
        AND break_item.state <> 'cleared'
    ORDER BY break_item.line ASC, break_item.run DESC, break_item.opened_at DESC, break_item.break_id ASC
)

SELECT
    page.line,
    CASE
        WHEN matched.line IS NOT NULL THEN 'matched'
        WHEN broken.line IS NOT NULL THEN 'break'
        WHEN replaced.our_id IS NOT NULL THEN 'replaced'
        ELSE 'waiting'
    END AS result,
    matched.pass_number,
    items.our_ids,
    broken.class,
    broken.break_id,
    broken.state
FROM page
INNER JOIN newest ON TRUE
LEFT JOIN matched ON page.line = matched.line
LEFT JOIN items ON matched.match = items.match
LEFT JOIN broken ON page.line = broken.line
LEFT JOIN match_our AS replaced
    ON newest.run = replaced.run AND page.exchange_id = replaced.our_id AND page.status = 'pending'
ORDER BY page.line
