-- Pass 2: the same reference and amount; duplicates are paired one by one, and which of them is which does not matter.
WITH ours AS (
    SELECT
        our_line.our_id,
        our_line.reference,
        our_line.amount,
        our_line.points,
        row_number() OVER (
            PARTITION BY our_line.reference, our_line.amount, our_line.points ORDER BY our_line.at, our_line.our_id
        ) AS place
    FROM our_line
    WHERE our_line.run = %(run)b AND our_line.reference IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM match_our
        WHERE match_our.run = %(run)b AND match_our.our_id = our_line.our_id
    )
),

theirs AS (
    SELECT
        book_line.line,
        book_line.reference,
        book_line.amount,
        book_line.points,
        row_number() OVER (
            PARTITION BY book_line.reference, book_line.amount, book_line.points ORDER BY book_line.at, book_line.line
        ) AS place
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND book_line.reference IS NOT NULL
        AND book_line.exchange_id IS NULL
        AND book_line.status = 'final'
        AND NOT EXISTS (
        SELECT 1 FROM match_theirs
        WHERE match_theirs.run = %(run)b AND match_theirs.line = book_line.line
    )
),

pairs AS (
    SELECT
        theirs.line,
        ours.our_id,
        count(*) OVER (PARTITION BY theirs.line) AS of_line,
        count(*) OVER (PARTITION BY ours.our_id) AS of_our
    FROM theirs
    INNER JOIN ours
        ON
            theirs.reference = ours.reference
            AND theirs.amount = ours.amount
            AND coalesce(theirs.points, ours.points) = ours.points
            AND theirs.place = ours.place
),

taken AS (
    INSERT INTO match_theirs (run, line, match, pass_number)
    SELECT
        %(run)b::bigint AS run,
        pairs.line,
        pairs.line AS match,
        2 AS pass_number
    FROM pairs
    WHERE pairs.of_line = 1 AND pairs.of_our = 1
)

INSERT INTO match_our (run, our_id, match, pass_number)
SELECT
    %(run)b::bigint AS run,
    pairs.our_id,
    pairs.line AS match,
    2 AS pass_number
FROM pairs
WHERE pairs.of_line = 1 AND pairs.of_our = 1
