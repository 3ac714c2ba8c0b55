-- The payments of a run.
INSERT INTO settlement_instruction (
    instruction,
    run,
    payer,
    payee,
    currency,
    minor,
    paid,
    received,
    value_date,
    state
)
SELECT
    payment.instruction,
    %(run)b,
    payment.payer,
    payment.payee,
    payment.currency,
    payment.minor,
    payment.paid,
    payment.received,
    payment.value_date,
    payment.state
FROM unnest(
    %(instructions)b::text[],
    %(payers)b::text[],
    %(payees)b::text[],
    %(currencies)b::text[],
    %(minors)b::bigint[],
    %(paid)b::bigint[],
    %(received)b::bigint[],
    %(value_dates)b::date[],
    %(states)b::text[]
) AS payment (instruction, payer, payee, currency, minor, paid, received, value_date, state)
