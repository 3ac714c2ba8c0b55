-- The bank says something else of a payment that is not settled: what, and the run waits.
UPDATE settlement_instruction
SET
    state = 'differs',
    differs = %(differs)b
WHERE run = %(run)b AND instruction = %(instruction)b AND state IN ('due', 'differs', 'rejected')
RETURNING instruction
