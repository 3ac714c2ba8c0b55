-- A file of a statement, as it was kept.
SELECT
    made.partner,
    file.content
FROM settlement_statement AS made
LEFT JOIN settlement_statement_file AS file ON made.statement = file.statement AND file.form = %(form)b
WHERE made.statement = %(statement)b
