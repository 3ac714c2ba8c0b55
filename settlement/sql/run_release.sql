-- A payment of the house is due once all that the house is paid is settled.
UPDATE settlement_instruction
SET state = 'due'
WHERE
    run = %(run)b
    AND instruction = %(instruction)b
    AND payer = 'house'
    AND state = 'waiting'
    AND NOT EXISTS (
        SELECT 1
        FROM settlement_instruction AS pay_in
        WHERE pay_in.run = %(run)b AND pay_in.payee = 'house' AND pay_in.state <> 'settled'
    )
RETURNING instruction
