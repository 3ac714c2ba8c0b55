-- A payment that goes out is due once all that comes in is settled.
UPDATE settlement_instruction
SET state = 'due'
WHERE
    run = %(run)b
    AND instruction = %(instruction)b
    AND direction = 'pay_out'
    AND state = 'waiting'
    AND NOT EXISTS (
        SELECT 1
        FROM settlement_instruction AS pay_in
        WHERE pay_in.run = %(run)b AND pay_in.direction = 'pay_in' AND pay_in.state <> 'settled'
    )
RETURNING instruction
