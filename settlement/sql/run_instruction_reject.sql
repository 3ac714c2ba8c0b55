-- The bank did not execute a payment: why, and since when it may be instructed anew.
UPDATE settlement_instruction
SET
    state = 'rejected',
    differs = %(reason)b,
    rejected_at = %(at)b
WHERE run = %(run)b AND instruction = %(instruction)b AND state IN ('due', 'differs', 'rejected')
RETURNING instruction
