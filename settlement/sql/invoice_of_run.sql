-- The documents of a run, and whether their files are there.
SELECT
    settlement_invoice.invoice,
    settlement_invoice.partner,
    settlement_invoice.digits,
    settlement_invoice.tax,
    settlement_invoice.of_window,
    settlement_invoice.document,
    settlement_invoice_file.invoice IS NOT NULL AS is_sealed
FROM settlement_invoice
LEFT JOIN settlement_invoice_file
    ON settlement_invoice.invoice = settlement_invoice_file.invoice AND settlement_invoice_file.form = 'json'
WHERE settlement_invoice.run = %(run)b
ORDER BY settlement_invoice.invoice
