-- Every item that no pass matched becomes one break, or half of one: 1. the same thing said differently; 2. said twice; 3. found in another
-- window, or not yet final; 4. on one side alone. An item whose break is there already keeps it, whatever it turned out to be meanwhile: its id,
-- its age and everything said about it. What was decided stays as it was decided, and no item of it gets another break.
WITH theirs AS MATERIALIZED (
    SELECT
        book_line.*,
        row_number() OVER (
            PARTITION BY
                book_line.exchange_id,
                CASE WHEN book_line.exchange_id IS NULL THEN book_line.reference END,
                CASE
                    WHEN book_line.exchange_id IS NULL AND book_line.reference IS NULL THEN book_line.line
                END
            ORDER BY book_line.at, book_line.line
        ) AS place
    FROM book_line
    WHERE
        book_line.partner = %(partner)b
        AND book_line.window_id = %(window_id)b
        AND NOT EXISTS (
            SELECT 1 FROM match_theirs
            WHERE match_theirs.run = %(run)b AND match_theirs.line = book_line.line
        )
        AND NOT (
            book_line.status = 'pending' -- and became final by a later line
            AND EXISTS (
                SELECT 1 FROM match_our
                WHERE match_our.run = %(run)b AND match_our.our_id = book_line.exchange_id
            )
        )
),

ours AS MATERIALIZED (
    SELECT our_line.*
    FROM our_line
    WHERE
        our_line.run = %(run)b
        AND NOT EXISTS (
            SELECT 1 FROM match_our
            WHERE match_our.run = %(run)b AND match_our.our_id = our_line.our_id
        )
),

by_exchange AS MATERIALIZED (
    SELECT
        ours.our_id,
        theirs.line
    FROM theirs
    INNER JOIN ours ON theirs.exchange_id = ours.our_id
    WHERE theirs.place = 1
),

placed AS MATERIALIZED (
    SELECT
        ours.our_id,
        ours.reference,
        row_number() OVER (PARTITION BY ours.reference ORDER BY ours.at, ours.our_id) AS place
    FROM ours
    WHERE
        ours.reference IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM by_exchange WHERE by_exchange.our_id = ours.our_id)
),

pairs AS MATERIALIZED (
    SELECT
        by_exchange.our_id,
        by_exchange.line
    FROM by_exchange
    UNION ALL
    SELECT
        placed.our_id,
        theirs.line
    FROM theirs
    INNER JOIN placed ON theirs.reference = placed.reference AND theirs.place = placed.place
    WHERE theirs.exchange_id IS NULL
),

their_rest AS MATERIALIZED (
    SELECT theirs.*
    FROM theirs
    WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.line = theirs.line)
),

our_rest AS MATERIALIZED (
    SELECT ours.*
    FROM ours
    WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.our_id = ours.our_id)
),

twice AS (
    SELECT their_rest.line
    FROM their_rest
    INNER JOIN our_line ON our_line.run = %(run)b AND their_rest.exchange_id = our_line.our_id
    UNION
    SELECT their_rest.line
    FROM their_rest
    INNER JOIN our_line ON our_line.run = %(run)b AND their_rest.reference = our_line.reference
    WHERE their_rest.exchange_id IS NULL
),

doubled AS (
    SELECT DISTINCT our_rest.our_id
    FROM our_rest
    INNER JOIN our_line
        ON our_line.run = %(run)b AND our_rest.reference = our_line.reference AND our_rest.amount = our_line.amount
    WHERE NOT EXISTS (SELECT 1 FROM our_rest AS rest WHERE rest.our_id = our_line.our_id)
),

late AS (
    SELECT our_rest.our_id
    FROM our_rest
    INNER JOIN book_line
        ON book_line.partner = %(partner)b AND our_rest.our_id = book_line.exchange_id
    WHERE book_line.window_id = any(%(neighbours)b::int[])
    UNION
    SELECT our_rest.our_id
    FROM our_rest
    INNER JOIN book_line
        ON book_line.partner = %(partner)b AND our_rest.reference = book_line.reference
    WHERE book_line.window_id = any(%(neighbours)b::int[]) AND book_line.exchange_id IS NULL
),

near AS (
    SELECT
        items.*,
        count(items.our_id) OVER close_by AS ours_near,
        count(items.line) OVER close_by AS theirs_near
    FROM (
        SELECT
            our_rest.our_id,
            NULL::bigint AS line,
            our_rest.at,
            our_rest.amount
        FROM our_rest
        UNION ALL
        SELECT
            NULL::uuid AS our_id,
            their_rest.line,
            their_rest.at,
            their_rest.amount
        FROM their_rest
        WHERE their_rest.exchange_id IS NULL AND their_rest.reference IS NULL
    ) AS items
    WINDOW close_by AS (
        ORDER BY items.amount
        RANGE BETWEEN %(within)b PRECEDING AND %(within)b FOLLOWING
    )
),

beside AS (
    SELECT
        near.*,
        lead(near.our_id) OVER in_order AS next_our,
        lead(near.line) OVER in_order AS next_line,
        lead(near.at) OVER in_order AS next_at,
        lead(near.amount) OVER in_order AS next_amount
    FROM near
    WHERE near.ours_near = 1 AND near.theirs_near = 1
    WINDOW in_order AS (ORDER BY near.amount, near.line, near.our_id)
),

suggested AS (
    SELECT
        coalesce(beside.line, beside.next_line) AS line,
        coalesce(beside.our_id, beside.next_our) AS our_id
    FROM beside
    WHERE
        num_nulls(beside.line, beside.next_line) = 1
        AND beside.next_amount - beside.amount <= %(within)b::bigint
        AND beside.next_at BETWEEN beside.at - interval '2 days' AND beside.at + interval '2 days'
),

found AS (
    SELECT
        CASE
            WHEN theirs.status = 'pending' THEN 'STATUS_MISMATCH'
            WHEN theirs.amount <> ours.amount AND theirs.points = ours.points THEN 'RATE_MISMATCH'
            ELSE 'AMOUNT_MISMATCH'
        END AS class,
        pairs.our_id,
        pairs.line,
        CASE WHEN abs(theirs.amount - ours.amount) <= %(within)b::bigint THEN pairs.our_id END AS suggested,
        theirs.amount - ours.amount AS amount,
        theirs.at AS dated_at,
        TRUE AS known
    FROM pairs
    INNER JOIN theirs ON pairs.line = theirs.line
    INNER JOIN ours ON pairs.our_id = ours.our_id
    UNION ALL
    SELECT
        CASE
            WHEN their_rest.exchange_id IS NULL AND their_rest.reference IS NULL THEN 'UNIDENTIFIED'
            WHEN twice.line IS NOT NULL THEN 'DUPLICATE_THEIRS'
            WHEN other.posted_at IS NOT NULL AND other.window_id <> %(window_id)b THEN 'WRONG_WINDOW'
            WHEN other.exchange_id IS NOT NULL AND other.posted_at IS NULL AND other.ended_at IS NULL THEN 'STATUS_MISMATCH'
            WHEN their_rest.at > %(at)b::timestamptz - interval '2 days' THEN 'TIMING'
            ELSE 'MISSING_OURS'
        END AS class,
        NULL::uuid AS our_id,
        their_rest.line,
        suggested.our_id AS suggested,
        CASE
            WHEN
                twice.line IS NULL
                AND (
                    (other.posted_at IS NOT NULL AND other.window_id <> %(window_id)b)
                    OR (other.exchange_id IS NOT NULL AND other.posted_at IS NULL AND other.ended_at IS NULL)
                ) THEN 0
            ELSE their_rest.amount
        END AS amount,
        their_rest.at AS dated_at,
        (other.exchange_id IS NOT NULL OR twice.line IS NOT NULL) AS known
    FROM their_rest
    LEFT JOIN suggested ON their_rest.line = suggested.line
    LEFT JOIN twice ON their_rest.line = twice.line
    LEFT JOIN LATERAL (
        SELECT named.*
        FROM (
            SELECT
                exchange.exchange_id,
                exchange.partner,
                exchange.source_program,
                exchange.target_program,
                exchange.posted_at,
                exchange.ended_at,
                exchange.window_id,
                exchange.reserved_at
            FROM exchange
            WHERE exchange.lane = %(lane)b AND exchange.exchange_id = their_rest.exchange_id
            UNION ALL
            SELECT
                exchange.exchange_id,
                exchange.partner,
                exchange.source_program,
                exchange.target_program,
                exchange.posted_at,
                exchange.ended_at,
                exchange.window_id,
                exchange.reserved_at
            FROM exchange
            WHERE
                exchange.lane = %(lane)b
                AND their_rest.exchange_id IS NULL
                AND exchange.partner = %(partner)b
                AND exchange.reference = their_rest.reference
        ) AS named
        WHERE
            named.partner = %(partner)b
            OR EXISTS (
                SELECT 1 FROM program
                WHERE
                    program.partner = %(partner)b
                    AND program.program IN (named.source_program, named.target_program)
            )
        ORDER BY named.reserved_at
        LIMIT 1
    ) AS other ON TRUE
    UNION ALL
    SELECT
        CASE
            WHEN doubled.our_id IS NOT NULL THEN 'DUPLICATE_OURS'
            WHEN late.our_id IS NOT NULL THEN 'WRONG_WINDOW'
            WHEN our_rest.at > %(at)b::timestamptz - interval '2 days' THEN 'TIMING'
            ELSE 'MISSING_THEIRS'
        END AS class,
        our_rest.our_id,
        NULL::bigint AS line,
        suggested.our_id AS suggested,
        CASE WHEN doubled.our_id IS NULL AND late.our_id IS NOT NULL THEN 0 ELSE -our_rest.amount END AS amount,
        our_rest.at AS dated_at,
        TRUE AS known
    FROM our_rest
    LEFT JOIN suggested ON our_rest.our_id = suggested.our_id
    LEFT JOIN doubled ON our_rest.our_id = doubled.our_id
    LEFT JOIN late ON our_rest.our_id = late.our_id
),

said AS MATERIALIZED (
    SELECT
        break_item.break_id,
        break_item.our_id,
        break_item.line,
        break_item.opened_at,
        (break_item.amount = 0 AND break_item.state IN ('posting', 'resolved')) AS was_nothing,
        CASE
            WHEN break_item.state IN ('filed', 'contested', 'escalated') THEN 1
            WHEN break_item.state IN ('posting', 'resolved') THEN 2
            WHEN break_item.state = 'cleared' THEN 4
            ELSE 3
        END AS standing
    FROM break_item
    WHERE break_item.partner = %(partner)b AND break_item.window_id = %(window_id)b
),

candidates AS (
    SELECT
        found.*,
        NULL::uuid AS break_id,
        NULL::timestamptz AS opened_at,
        5 AS standing,
        FALSE AS is_ours
    FROM found
    UNION ALL
    SELECT
        found.*,
        said.break_id,
        said.opened_at,
        said.standing,
        FALSE AS is_ours
    FROM found
    INNER JOIN said ON found.line = said.line
    WHERE NOT said.was_nothing OR found.amount = 0
    UNION ALL
    SELECT
        found.*,
        said.break_id,
        said.opened_at,
        said.standing,
        TRUE AS is_ours
    FROM found
    INNER JOIN said ON found.our_id = said.our_id
    WHERE NOT said.was_nothing OR found.amount = 0
),

chosen AS (
    SELECT DISTINCT ON (candidates.our_id, candidates.line) candidates.*
    FROM candidates
    ORDER BY
        candidates.our_id ASC,
        candidates.line ASC,
        candidates.standing ASC,
        candidates.is_ours DESC,
        candidates.opened_at ASC,
        candidates.break_id ASC
),

heirs AS ( -- of several items that one break was about, one keeps it
    SELECT
        chosen.*,
        row_number() OVER (
            PARTITION BY chosen.break_id ORDER BY chosen.is_ours DESC, chosen.our_id ASC, chosen.line ASC
        ) AS place
    FROM chosen
)

INSERT INTO break_item (
    break_id, partner, window_id, run, class, our_id, line, suggested, amount, dated_at, known, owner, opened_at, due_at,
    state, provisional
)
SELECT
    CASE
        WHEN heirs.break_id IS NOT NULL AND heirs.place = 1 THEN heirs.break_id
        ELSE
            md5(
                concat_ws(
                    '|', %(partner)b::text, %(window_id)b::text, %(run)b::text, heirs.our_id::text, heirs.line::text
                )
            )::uuid
    END AS break_id,
    %(partner)b::text AS partner,
    %(window_id)b::int AS window_id,
    %(run)b::bigint AS run,
    heirs.class,
    heirs.our_id,
    heirs.line,
    heirs.suggested,
    heirs.amount,
    heirs.dated_at,
    heirs.known,
    %(owner)b::text AS owner,
    %(at)b::timestamptz AS opened_at,
    %(due_at)b::timestamptz AS due_at,
    'open' AS state,
    0 AS provisional
FROM heirs
WHERE heirs.break_id IS NULL OR heirs.place = 1 OR heirs.standing <> 2
ON CONFLICT (break_id) DO UPDATE SET
run = excluded.run,
class = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.class ELSE excluded.class END,
our_id = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.our_id ELSE excluded.our_id END,
line = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.line ELSE excluded.line END,
suggested = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.suggested ELSE excluded.suggested END,
amount = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.amount ELSE excluded.amount END,
dated_at = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.dated_at ELSE excluded.dated_at END,
known = CASE WHEN break_item.state IN ('posting', 'resolved') THEN break_item.known ELSE excluded.known END,
state = CASE WHEN break_item.state = 'cleared' THEN 'open' ELSE break_item.state END,
ended_at = CASE WHEN break_item.state = 'cleared' THEN NULL ELSE break_item.ended_at END,
due_at = CASE WHEN break_item.state = 'cleared' THEN excluded.due_at ELSE break_item.due_at END
