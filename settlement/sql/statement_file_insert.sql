-- Keep a file of a statement.
INSERT INTO settlement_statement_file (statement, form, content, sha256)
VALUES (%(statement)b, %(form)b, %(content)b, %(sha256)b)
