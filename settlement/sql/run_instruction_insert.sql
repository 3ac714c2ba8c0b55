-- The payments of a run.
INSERT INTO settlement_instruction (
    instruction,
    run,
    partner,
    direction,
    currency,
    minor,
    micros,
    value_date,
    state
)
SELECT
    payment.instruction,
    %(run)b,
    payment.partner,
    payment.direction,
    payment.currency,
    payment.minor,
    payment.micros,
    payment.value_date,
    payment.state
FROM unnest(
    %(instructions)b::text[],
    %(partners)b::text[],
    %(directions)b::text[],
    %(currencies)b::text[],
    %(minors)b::bigint[],
    %(micros)b::bigint[],
    %(value_dates)b::date[],
    %(states)b::text[]
) AS payment (instruction, partner, direction, currency, minor, micros, value_date, state)
