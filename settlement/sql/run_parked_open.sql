-- What frozen runs kept back and nobody has resumed, or this run has.
SELECT
    parked.run,
    parked.debtor,
    parked.creditor,
    parked.micros,
    parked.resumed_by
FROM settlement_parked AS parked
INNER JOIN settlement_run ON parked.run = settlement_run.run
WHERE
    settlement_run.state IN ('frozen', 'instructed', 'paying', 'settled')
    AND (parked.resumed_by IS NULL OR parked.resumed_by = %(run)b)
ORDER BY parked.run, parked.debtor, parked.creditor
