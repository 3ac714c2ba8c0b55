-- The next thing said about a break, unless somebody else was first.
INSERT INTO break_step (break_id, number, at, decision, books, state, note, key_id, evidence_id)
VALUES (
    %(break_id)b, %(number)b, %(at)b, %(decision)b, %(books)b, %(state)b, %(note)b, %(key_id)b, %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING number
