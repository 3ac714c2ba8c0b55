-- Totals first: what both sides add up to.
INSERT INTO match_run (
    run, partner, window_id, at, our_lines, our_debit, our_credit, their_lines, their_debit, their_credit
)
SELECT
    %(run)b::bigint AS run,
    %(partner)b::text AS partner,
    %(window_id)b::int AS window_id,
    %(at)b::timestamptz AS at,
    ours.lines AS our_lines,
    ours.debit AS our_debit,
    ours.credit AS our_credit,
    theirs.lines AS their_lines,
    theirs.debit AS their_debit,
    theirs.credit AS their_credit
FROM (
    SELECT
        count(*) AS lines,
        coalesce(sum(our_line.amount) FILTER (WHERE our_line.amount > 0), 0)::bigint AS debit,
        coalesce(-sum(our_line.amount) FILTER (WHERE our_line.amount < 0), 0)::bigint AS credit
    FROM our_line
    WHERE our_line.run = %(run)b
) AS ours
CROSS JOIN (
    SELECT
        coalesce(sum(book.lines), 0)::bigint AS lines,
        coalesce(sum(book.debit), 0)::bigint AS debit,
        coalesce(sum(book.credit), 0)::bigint AS credit
    FROM book
    WHERE book.partner = %(partner)b AND book.window_id = %(window_id)b
) AS theirs
RETURNING our_lines, our_debit, our_credit, their_lines, their_debit, their_credit
