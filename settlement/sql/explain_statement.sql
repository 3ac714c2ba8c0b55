-- A statement that was made, with its evidence.
SELECT
    made.run,
    made.partner,
    file.content
FROM settlement_statement AS made
LEFT JOIN settlement_statement_file AS file ON made.statement = file.statement AND file.form = 'jsonl'
WHERE made.statement = %(statement)b
