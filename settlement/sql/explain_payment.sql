-- A payment of a run, beside the others of its partner in that run.
SELECT
    other.instruction,
    other.run,
    other.partner,
    other.micros
FROM settlement_instruction AS asked
INNER JOIN settlement_instruction AS other ON asked.run = other.run AND asked.partner = other.partner
WHERE asked.instruction = %(instruction)b
ORDER BY other.instruction = asked.instruction DESC, other.instruction
