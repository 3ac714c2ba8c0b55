-- Take a book; one with this number that is there already is an error, and so is what its lines would be.
INSERT INTO book (
    partner, sequence, window_id, digest, lines, debit, credit, received_at, received_from, evidence_id
)
VALUES (
    %(partner)b, %(sequence)b, %(window_id)b, %(digest)b, %(lines)b, %(debit)b, %(credit)b, %(received_at)b,
    %(received_from)b, %(evidence_id)b
)
