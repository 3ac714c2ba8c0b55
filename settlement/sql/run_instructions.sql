-- The payments of a run: what the house is paid first, then what partners pay each other, then what the house pays.
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
WHERE run = %(run)b
ORDER BY payee <> 'house', payer = 'house', payer, payee
