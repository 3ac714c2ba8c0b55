-- An invoice as it was issued.
SELECT
    invoice,
    run,
    partner,
    document
FROM settlement_invoice
WHERE invoice = %(invoice)b
