-- The next numbers of a series in a year, and a day that is not before that of the last: the row is held until the transaction ends, and
-- takes the numbers back when it fails. None at all only holds it.
INSERT INTO settlement_invoice_series (series, year, last, issued_on)
VALUES (%(series)b, %(year)b, %(count)b, %(issued_on)b)
ON CONFLICT (series, year) DO UPDATE
    SET
        last = settlement_invoice_series.last + excluded.last,
        issued_on = greatest(settlement_invoice_series.issued_on, excluded.issued_on)
RETURNING last, issued_on
