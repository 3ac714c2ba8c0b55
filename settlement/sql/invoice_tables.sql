-- By which tax tables these invoices were taxed.
SELECT
    invoice,
    tax_table
FROM settlement_invoice
WHERE invoice = any(%(invoices)b)
