-- Who owes whom, as each partner sees it: for every pair the sum of what one owes the other (plus) over the events of a span. 0 is the house.
-- An event has one partner on one of its sides (`one`) and any number on the other. With one on both, they owe each other what both have,
-- and the rest is the house's; with several, each owes the one its whole amount, and the one passes the rest on to the house.
-- What a run shared by a contract is booked leg by leg, a pair of lines each: every leg is looked at by itself.
WITH line AS (
    SELECT
        entry.seq,
        CASE WHEN adjustment.seq IS NULL THEN 0 ELSE div(entry.line, 2) END AS leg,
        div(entry.account, 16)::integer AS partner,
        entry.amount
    FROM entry
    LEFT JOIN adjustment ON adjustment.lane = %(lane)b AND entry.seq = adjustment.seq AND adjustment.reason = 'share'
    WHERE
        entry.lane = %(lane)b
        AND entry.seq >= %(first)b::bigint
        AND entry.seq < %(until)b::bigint
        AND mod(entry.account, 16) = 8
),

event AS (
    SELECT
        seq,
        leg,
        sum(amount) AS rest,
        max(partner) FILTER (WHERE amount > 0) AS payer,
        max(partner) FILTER (WHERE amount < 0) AS payee,
        coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS paid,
        coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS got,
        count(*) FILTER (WHERE amount > 0) AS payers,
        count(*) FILTER (WHERE amount < 0) AS payees
    FROM line
    GROUP BY seq, leg
),

flow AS (
    SELECT
        payer AS partner,
        payee AS counterparty,
        least(paid, got) AS owed
    FROM event
    WHERE payers = 1 AND payees = 1
    UNION ALL
    SELECT
        CASE WHEN rest > 0 THEN payer ELSE payee END AS partner,
        0 AS counterparty,
        rest AS owed
    FROM event
    WHERE payers <= 1 AND payees <= 1
    UNION ALL
    SELECT
        line.partner,
        CASE WHEN line.amount > 0 THEN event.payee ELSE event.payer END AS counterparty,
        line.amount AS owed
    FROM line
    INNER JOIN event ON line.seq = event.seq AND line.leg = event.leg
    WHERE (event.payers > 1 AND line.amount > 0) OR (event.payees > 1 AND line.amount < 0)
    UNION ALL
    SELECT
        CASE WHEN payers > 1 THEN payee ELSE payer END AS partner,
        0 AS counterparty,
        rest AS owed
    FROM event
    WHERE payers > 1 OR payees > 1
),

both_sides AS (
    SELECT
        partner,
        counterparty,
        owed
    FROM flow
    UNION ALL
    SELECT
        counterparty AS partner,
        partner AS counterparty,
        -owed AS owed
    FROM flow
)

SELECT
    partner,
    counterparty,
    sum(owed)::bigint AS owed
FROM both_sides
WHERE partner <> counterparty
GROUP BY partner, counterparty
ORDER BY partner, counterparty
