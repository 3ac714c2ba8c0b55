-- The interest that was booked of each payment of a run, and the day up to which it counts, which stands behind its payment's name.
SELECT
    instruction.instruction,
    instruction.payer,
    instruction.payee,
    instruction.value_date AS since,
    max(split_part(adjustment.reference, '/', 2))::date AS until,
    sum((adjustment.lines::jsonb #>> '{0,1}')::bigint)::bigint AS micros
FROM settlement_instruction AS instruction
INNER JOIN adjustment
    ON
        adjustment.lane = %(lane)b
        AND split_part(adjustment.reference, '/', 1) = instruction.instruction
        AND adjustment.reason = %(reason)b
WHERE instruction.run = %(run)b
GROUP BY instruction.instruction
