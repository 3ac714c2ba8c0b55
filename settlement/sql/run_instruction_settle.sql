-- A confirmed payment is booked.
UPDATE settlement_instruction
SET state = 'settled'
WHERE run = %(run)b AND instruction = %(instruction)b AND state = 'confirmed'
RETURNING instruction
