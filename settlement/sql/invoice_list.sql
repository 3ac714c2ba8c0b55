-- Invoices with their files, the newest first: of a partner, of a run, or all; those after a place in this order.
WITH newest AS (
    SELECT *
    FROM settlement_invoice
    WHERE
        (%(partner)b::text IS NULL OR partner = %(partner)b)
        AND (%(run)b::text IS NULL OR run = %(run)b)
        AND (%(after_on)b::date IS NULL OR (issued_on, invoice) < (%(after_on)b, %(after)b::text))
    ORDER BY issued_on DESC, invoice DESC
    LIMIT %(most)b::bigint
)

SELECT
    newest.invoice,
    newest.kind,
    newest.corrects,
    newest.run,
    newest.partner,
    newest.currency,
    newest.digits,
    newest.net,
    newest.tax,
    newest.issued_on,
    newest.sha256 AS document_sha256,
    settlement_invoice_file.form,
    settlement_invoice_file.sha256,
    length(settlement_invoice_file.content) AS size
FROM newest
LEFT JOIN settlement_invoice_file ON newest.invoice = settlement_invoice_file.invoice
ORDER BY newest.issued_on DESC, newest.invoice DESC, settlement_invoice_file.form ASC
