-- Pass 3: lines that name nothing, by amount and a date within two days, where each is the only one that fits the other. Items in order of
-- time: between two that fit none but each other nothing else can stand, so the neighbour is the one.
WITH ours AS (
    SELECT
our_line.our_id,
our_line.at,
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
book_line.at,
book_line.amount
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND book_line.exchange_id IS NULL
        AND book_line.reference IS NULL
        AND book_line.status = 'final'
        AND NOT EXISTS (
        SELECT 1 FROM match_theirs
        WHERE match_theirs.run = %(run)b AND match_theirs.line = book_line.line
    )
),

named AS (
    SELECT
book_line.exchange_id,
book_line.reference
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND NOT EXISTS (
        SELECT 1 FROM match_theirs
        WHERE match_theirs.run = %(run)b AND match_theirs.line = book_line.line
    )
),

items AS (
    SELECT
ours.our_id,
NULL::bigint AS line,
ours.at,
ours.amount
    FROM ours
    INNER JOIN our_line ON our_line.run = %(run)b AND ours.our_id = our_line.our_id
    WHERE
        EXISTS (SELECT 1 FROM theirs WHERE theirs.amount = ours.amount)
        AND NOT EXISTS (SELECT 1 FROM named WHERE named.exchange_id = ours.our_id)
        AND NOT EXISTS (SELECT 1 FROM named WHERE named.reference = our_line.reference)
    UNION ALL
    SELECT
NULL::uuid AS our_id,
theirs.line,
theirs.at,
theirs.amount
    FROM theirs
),

counted AS (
    SELECT
        items.*,
        count(items.our_id) OVER near AS ours_near,
        count(items.line) OVER near AS theirs_near
    FROM items
    WINDOW near AS (
        PARTITION BY items.amount ORDER BY items.at
        RANGE BETWEEN INTERVAL '2 days' PRECEDING AND INTERVAL '2 days' FOLLOWING
    )
),

alone AS (
    SELECT
        counted.*,
        lead(counted.our_id) OVER beside AS next_our,
        lead(counted.line) OVER beside AS next_line,
        lead(counted.at) OVER beside AS next_at
    FROM counted
    WHERE counted.ours_near = 1 AND counted.theirs_near = 1
    WINDOW beside AS (PARTITION BY counted.amount ORDER BY counted.at, counted.line, counted.our_id)
),

pairs AS (
    SELECT
        coalesce(alone.line, alone.next_line) AS line,
        coalesce(alone.our_id, alone.next_our) AS our_id
    FROM alone
    WHERE
        alone.next_at <= alone.at + interval '2 days'
        AND num_nulls(alone.line, alone.next_line) = 1
),

taken AS (
    INSERT INTO match_theirs (run, line, match, pass_number)
    SELECT
        %(run)b::bigint AS run,
        pairs.line,
        pairs.line AS match,
        3 AS pass_number
    FROM pairs
)

INSERT INTO match_our (run, our_id, match, pass_number)
SELECT
    %(run)b::bigint AS run,
    pairs.our_id,
    pairs.line AS match,
    3 AS pass_number
FROM pairs
