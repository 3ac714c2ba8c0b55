-- The sequence number of a partner's last book; 0 when there is none.
SELECT coalesce(max(book.sequence), 0)::bigint AS sequence
FROM book
WHERE book.partner = %(partner)b
