-- Nobody confirms this payment while its interest is booked; nothing where it is confirmed by now.
SELECT instruction
FROM settlement_instruction
WHERE instruction = %(instruction)b AND state IN ('due', 'differs')
FOR UPDATE
