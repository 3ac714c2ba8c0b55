-- Resume these flows in a run; those that another resumed meanwhile do not come back.
UPDATE settlement_parked
SET resumed_by = %(run)b
FROM unnest(%(runs)b::text[], %(debtors)b::text[], %(creditors)b::text[]) AS wanted (run, debtor, creditor)
WHERE
    settlement_parked.run = wanted.run
    AND settlement_parked.debtor = wanted.debtor
    AND settlement_parked.creditor = wanted.creditor
    AND settlement_parked.resumed_by IS NULL
RETURNING settlement_parked.run
