-- One book of a partner, as it was taken.
SELECT
    book.partner,
    book.sequence,
    book.window_id,
    book.digest,
    book.lines,
    book.debit,
    book.credit,
    book.received_at
FROM book
WHERE book.partner = %(partner)b AND book.sequence = %(sequence)b
