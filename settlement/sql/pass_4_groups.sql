-- Pass 4: several lines that name one exchange, or several items of one reference, whose sums are the same on both sides.
WITH ours AS (
    SELECT
our_line.our_id,
our_line.reference,
our_line.amount
    FROM our_line
    WHERE our_line.run = %(run)b AND NOT EXISTS (
        SELECT 1 FROM match_our
        WHERE match_our.run = %(run)b AND match_our.our_id = our_line.our_id
    )
),

theirs AS (
    SELECT
book_line.line,
book_line.exchange_id,
book_line.reference,
book_line.amount
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND book_line.status = 'final'
        AND NOT EXISTS (
        SELECT 1 FROM match_theirs
        WHERE match_theirs.run = %(run)b AND match_theirs.line = book_line.line
    )
),

by_exchange AS (
    SELECT
min(theirs.line) AS match,
ours.our_id
    FROM theirs
    INNER JOIN ours ON theirs.exchange_id = ours.our_id
    GROUP BY theirs.exchange_id, ours.our_id, ours.amount
    HAVING count(*) > 1 AND sum(theirs.amount) = ours.amount
),

our_groups AS (
    SELECT
ours.reference,
sum(ours.amount) AS amount,
count(*) AS items
    FROM ours
    WHERE
        ours.reference IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM by_exchange WHERE by_exchange.our_id = ours.our_id)
    GROUP BY ours.reference
),

their_groups AS (
    SELECT
theirs.reference,
sum(theirs.amount) AS amount,
count(*) AS items,
min(theirs.line) AS match
    FROM theirs
    WHERE theirs.reference IS NOT NULL AND theirs.exchange_id IS NULL
    GROUP BY theirs.reference
),

by_reference AS (
    SELECT
their_groups.reference,
their_groups.match
    FROM their_groups
    INNER JOIN our_groups
        ON their_groups.reference = our_groups.reference AND their_groups.amount = our_groups.amount
    WHERE their_groups.items + our_groups.items > 2
),

taken AS (
    INSERT INTO match_theirs (run, line, match, pass_number)
    SELECT
%(run)b::bigint AS run,
theirs.line,
by_exchange.match,
4 AS pass_number
    FROM theirs
    INNER JOIN by_exchange ON theirs.exchange_id = by_exchange.our_id
    UNION ALL
    SELECT
%(run)b::bigint AS run,
theirs.line,
by_reference.match,
4 AS pass_number
    FROM theirs
    INNER JOIN by_reference ON theirs.reference = by_reference.reference
    WHERE theirs.exchange_id IS NULL
)

INSERT INTO match_our (run, our_id, match, pass_number)
SELECT
%(run)b::bigint AS run,
by_exchange.our_id,
by_exchange.match,
4 AS pass_number
FROM by_exchange
UNION ALL
SELECT
%(run)b::bigint AS run,
ours.our_id,
by_reference.match,
4 AS pass_number
FROM ours
INNER JOIN by_reference ON ours.reference = by_reference.reference
WHERE NOT EXISTS (SELECT 1 FROM by_exchange WHERE by_exchange.our_id = ours.our_id)
