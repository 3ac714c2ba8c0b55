-- Keep a file of a statement. The same file is printed of the same evidence, so one that is there stays.
INSERT INTO settlement_statement_file (statement, form, content, sha256)
VALUES (%(statement)b, %(form)b, %(content)b, %(sha256)b)
ON CONFLICT DO NOTHING
