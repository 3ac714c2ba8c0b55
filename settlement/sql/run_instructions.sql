-- The payments of a run: what comes in first, then what goes out.
SELECT
    instruction,
    run,
    partner,
    direction,
    currency,
    minor,
    micros,
    value_date,
    state,
    bank_reference,
    booked_on,
    differs,
    rejected_at,
    accrued_until
FROM settlement_instruction
WHERE run = %(run)b
ORDER BY direction, partner
