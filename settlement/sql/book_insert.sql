-- Take a book, unless one with this number is there.
INSERT INTO book (
    partner, sequence, window_id, digest, lines, debit, credit, received_at, received_from, evidence_id
)
VALUES (
    %(partner)b, %(sequence)b, %(window_id)b, %(digest)b, %(lines)b, %(debit)b, %(credit)b, %(received_at)b,
    %(received_from)b, %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING sequence
