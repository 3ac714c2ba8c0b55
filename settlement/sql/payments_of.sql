-- The payments that a partner is a side of, the latest day first; behind one of them, where it is named.
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
    (payer = %(partner)b OR payee = %(partner)b)
    AND run = coalesce(%(run)b, run)
    AND (
        %(after)b::text IS NULL
        OR (value_date, instruction) < (
            SELECT
                last.value_date,
                last.instruction
            FROM settlement_instruction AS last
            WHERE last.instruction = %(after)b AND (last.payer = %(partner)b OR last.payee = %(partner)b)
        )
    )
ORDER BY value_date DESC, instruction DESC
LIMIT %(most)b
