-- Interest of a payment runs up to another day; no row comes back when it does already, or the payment is confirmed by now.
UPDATE settlement_instruction
SET accrued_until = %(until)b
WHERE
    instruction = %(instruction)b
    AND state IN ('due', 'differs')
    AND accrued_until IS NOT DISTINCT FROM %(since)b::date
RETURNING instruction
