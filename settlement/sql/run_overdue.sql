-- The runs with a payment of a partner whose day has passed and that nobody has confirmed.
SELECT DISTINCT instruction.run
FROM settlement_instruction AS instruction
INNER JOIN settlement_run AS run ON instruction.run = run.run
WHERE
    run.state IN ('frozen', 'instructed', 'paying')
    AND instruction.payer <> 'house'
    AND instruction.state IN ('due', 'differs')
    AND instruction.value_date < %(today)b
ORDER BY instruction.run
