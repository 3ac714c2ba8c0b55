-- Keep a sealed statement; no row comes back when it is there.
INSERT INTO settlement_statement (statement, run, partner, currency, made_at, lines, root, key_id)
VALUES (
    %(statement)b,
    %(run)b,
    %(partner)b,
    %(currency)b,
    %(made_at)b,
    %(lines)b,
    %(root)b,
    %(key_id)b
)
ON CONFLICT DO NOTHING
RETURNING statement
