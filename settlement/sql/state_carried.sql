-- What a run kept back of its own windows, and what it took over from runs before it.
SELECT
    debtor,
    creditor,
    micros,
    run = %(run)b AS is_parked
FROM settlement_parked
WHERE run = %(run)b OR resumed_by = %(run)b
ORDER BY debtor, creditor, run
