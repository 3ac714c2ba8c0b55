-- A file of an invoice, and whose it is; no content where this file was not made.
SELECT
    settlement_invoice.partner,
    settlement_invoice_file.content
FROM settlement_invoice
LEFT JOIN settlement_invoice_file
    ON settlement_invoice.invoice = settlement_invoice_file.invoice AND settlement_invoice_file.form = %(form)b
WHERE settlement_invoice.invoice = %(invoice)b
