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
    %(value_date)b,
    payment.state
FROM unnest(
    %(instructions)b::text[],
    %(partners)b::text[],
    %(directions)b::text[],
    %(currencies)b::text[],
    %(minors)b::bigint[],
    %(micros)b::bigint[],
    %(states)b::text[]
) AS payment (instruction, partner, direction, currency, minor, micros, state)
