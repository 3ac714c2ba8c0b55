-- Keep a file of an invoice; what is there stays.
INSERT INTO settlement_invoice_file (invoice, form, content, sha256)
VALUES (%(invoice)b, %(form)b, %(content)b, %(sha256)b)
ON CONFLICT DO NOTHING
