-- What a run keeps back.
INSERT INTO settlement_parked (run, debtor, creditor, micros)
SELECT
    %(run)b,
    flow.debtor,
    flow.creditor,
    flow.micros
FROM unnest(%(debtors)b::text[], %(creditors)b::text[], %(micros)b::bigint[]) AS flow (debtor, creditor, micros)
