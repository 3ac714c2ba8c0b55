-- A payment of a run, beside the others of the same party in that run, with what each clears of its position: plus, it paid. The party is who
-- asks, if it is one of the two; else the payer, or the payee of what the house pays.
WITH asked AS (
    SELECT
        instruction,
        run,
        CASE
            WHEN %(reader)b::text IN (payer, payee) THEN %(reader)b::text
            WHEN payer = 'house' THEN payee
            ELSE payer
        END AS party
    FROM settlement_instruction
    WHERE instruction = %(instruction)b
)

SELECT
    other.instruction,
    other.run,
    asked.party AS partner,
    CASE WHEN other.payer = asked.party THEN other.paid ELSE -other.received END AS micros
FROM asked
INNER JOIN settlement_instruction AS other ON asked.run = other.run AND asked.party IN (other.payer, other.payee)
ORDER BY other.instruction = asked.instruction DESC, other.instruction
