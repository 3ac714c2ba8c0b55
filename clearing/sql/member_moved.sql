-- What one account moved through the house by an instant: for good, and still under way then. Bonus units travel apart, by an order of their own;
-- what a program bears itself was never taken back; of an authorisation, what was captured left.
WITH begun AS (
    SELECT exchange.exchange_id
    FROM exchange
    WHERE exchange.lane = %(lane)b AND exchange.original_id IS NULL AND exchange.source_account = %(account)b
    UNION
    SELECT exchange.exchange_id
    FROM exchange
    WHERE exchange.lane = %(lane)b AND exchange.original_id IS NULL AND exchange.target_account = %(account)b
),

touched AS (
    SELECT exchange.exchange_id
    FROM exchange
    INNER JOIN begun ON exchange.exchange_id = begun.exchange_id
    WHERE exchange.lane = %(lane)b
    UNION ALL
    SELECT exchange.exchange_id
    FROM exchange
    INNER JOIN begun ON exchange.original_id = begun.exchange_id
    WHERE exchange.lane = %(lane)b
),

seen AS (
    SELECT
        coalesce(exchange.source_account = %(account)b, FALSE) AS leaves,
        exchange.original_id IS NOT NULL AS backwards,
        CASE
            WHEN exchange.path = 'authorised' AND exchange.posted_at <= %(at)b THEN exchange.captured
            ELSE exchange.sent
        END AS sent,
        exchange.received,
        exchange.bonus,
        coalesce(exchange.posted_at <= %(at)b, FALSE) AS posted,
        coalesce(exchange.ended_at <= %(at)b, FALSE) AS ended,
        coalesce(take.state = 'declined', FALSE) AS borne,
        coalesce(extra.answered_at <= %(at)b, FALSE) AS told,
        coalesce(extra.state = 'done', FALSE) AS given
    FROM touched
    INNER JOIN exchange ON exchange.lane = %(lane)b AND touched.exchange_id = exchange.exchange_id
    LEFT JOIN orders AS take ON take.lane = %(lane)b AND touched.exchange_id = take.exchange_id AND take.leg = 1
    LEFT JOIN orders AS extra ON extra.lane = %(lane)b AND touched.exchange_id = extra.exchange_id AND extra.leg = 6
    WHERE exchange.reserved_at <= %(at)b
),

sided AS (
    SELECT
        leaves,
        backwards,
        CASE WHEN posted AND (ended OR NOT backwards) THEN sent ELSE 0 END AS gone,
        CASE WHEN ended OR (posted AND NOT backwards) THEN 0 ELSE sent END AS going,
        CASE WHEN posted AND NOT (backwards AND borne) THEN received ELSE 0 END
        + CASE WHEN posted AND told AND given THEN bonus ELSE 0 END AS come,
        CASE WHEN posted OR ended THEN 0 ELSE received END
        + CASE WHEN told OR (ended AND NOT posted) THEN 0 ELSE bonus END AS coming
    FROM seen
)

SELECT
    coalesce(sum(gone) FILTER (WHERE leaves AND NOT backwards), 0)::bigint AS sent,
    coalesce(sum(come) FILTER (WHERE NOT leaves AND NOT backwards), 0)::bigint AS received,
    coalesce(sum(gone) FILTER (WHERE leaves AND backwards), 0)::bigint AS returned,
    coalesce(sum(come) FILTER (WHERE NOT leaves AND backwards), 0)::bigint AS taken_back,
    coalesce(sum(going) FILTER (WHERE leaves AND NOT backwards), 0)::bigint AS to_send,
    coalesce(sum(coming) FILTER (WHERE NOT leaves AND NOT backwards), 0)::bigint AS to_receive,
    coalesce(sum(going) FILTER (WHERE leaves AND backwards), 0)::bigint AS to_return,
    coalesce(sum(coming) FILTER (WHERE NOT leaves AND backwards), 0)::bigint AS to_take_back
FROM sided
