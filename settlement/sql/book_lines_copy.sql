-- Lines of a book, as they stream in.
COPY book_line (partner, window_id, line, exchange_id, reference, at, amount, points, status) FROM STDIN
