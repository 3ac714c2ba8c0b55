-- Statements with their files, the newest first: of a run, of a partner, or all; those after a place in this order.
SELECT
    made.statement,
    made.run,
    made.partner,
    made.currency,
    made.made_at,
    made.lines,
    made.root,
    made.key_id,
    file.form,
    file.sha256,
    length(file.content) AS size
FROM (
    SELECT *
    FROM settlement_statement
    WHERE
        (%(run)b::text IS NULL OR run = %(run)b)
        AND (%(partner)b::text IS NULL OR partner = %(partner)b)
        AND (
            %(after_at)b::timestamptz IS NULL
            OR made_at < %(after_at)b
            OR (made_at = %(after_at)b AND statement > %(after)b::text)
        )
    ORDER BY made_at DESC, statement ASC
    LIMIT %(most)b::bigint
) AS made
INNER JOIN settlement_statement_file AS file ON made.statement = file.statement
ORDER BY made.made_at DESC, made.statement ASC, file.form ASC
