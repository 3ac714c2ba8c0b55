-- The bank confirmed a payment that is due.
UPDATE settlement_instruction
SET
    state = 'confirmed',
    bank_reference = %(bank_reference)b,
    booked_on = %(booked_on)b,
    differs = NULL
WHERE run = %(run)b AND instruction = %(instruction)b AND state IN ('due', 'differs', 'rejected')
RETURNING instruction
