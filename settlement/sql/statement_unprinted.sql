-- Statements that have their evidence and not all that can always be printed of it, the oldest first.
SELECT made.statement
FROM settlement_statement AS made
WHERE (
    SELECT count(*)
    FROM settlement_statement_file AS file
    WHERE made.statement = file.statement AND file.form = any(%(forms)b)
) < cardinality(%(forms)b::text[])
ORDER BY made.made_at, made.statement
LIMIT %(most)b
