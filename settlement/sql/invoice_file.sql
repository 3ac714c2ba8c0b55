-- A file of an invoice, whose it is, and whether it is sealed; no content where this file was not made.
SELECT
    settlement_invoice.partner,
    settlement_invoice_file.content,
    sealed.invoice IS NOT NULL AS is_sealed
FROM settlement_invoice
LEFT JOIN settlement_invoice_file
    ON settlement_invoice.invoice = settlement_invoice_file.invoice AND settlement_invoice_file.form = %(form)b
LEFT JOIN settlement_invoice_file AS sealed ON settlement_invoice.invoice = sealed.invoice AND sealed.form = 'json'
WHERE settlement_invoice.invoice = %(invoice)b
