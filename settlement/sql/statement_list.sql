-- Statements with their files, the newest first: of a run, of a partner, or all.
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
    ORDER BY made_at DESC, statement ASC
    LIMIT %(most)b
) AS made
INNER JOIN settlement_statement_file AS file ON made.statement = file.statement
ORDER BY made.made_at DESC, made.statement ASC, file.form ASC
