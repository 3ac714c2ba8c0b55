-- One payment: for anybody, or for a partner that is a side of it.
SELECT
    instruction,
    run,
    payer,
    payee,
    currency,
    minor,
    paid,
    received,
    value_date,
    state,
    bank_reference,
    booked_on,
    differs,
    rejected_at,
    accrued_until
FROM settlement_instruction
WHERE
    instruction = %(instruction)b
    AND (%(partner)b::text IS NULL OR payer = %(partner)b OR payee = %(partner)b)
