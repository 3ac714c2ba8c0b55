-- What one account moved through the house by an instant: for good, and still under way then.
WITH touched AS (
    SELECT
        exchange.source_account = %(account)b AS leaves,
        exchange.original_id IS NOT NULL AS backwards,
        exchange.sent,
        exchange.received,
        coalesce(exchange.posted_at <= %(at)b, false) AS posted,
        coalesce(exchange.ended_at <= %(at)b, false) AS ended
    FROM exchange
    WHERE
        exchange.lane = %(lane)b
        AND (exchange.source_account = %(account)b OR exchange.target_account = %(account)b)
        AND exchange.reserved_at <= %(at)b
)

SELECT
    coalesce(sum(sent) FILTER (WHERE leaves AND NOT backwards AND posted), 0)::bigint AS sent,
    coalesce(sum(received) FILTER (WHERE NOT leaves AND NOT backwards AND posted), 0)::bigint AS received,
    coalesce(sum(sent) FILTER (WHERE leaves AND backwards AND posted AND ended), 0)::bigint AS returned,
    coalesce(sum(received) FILTER (WHERE NOT leaves AND backwards AND posted), 0)::bigint AS taken_back,
    coalesce(sum(sent) FILTER (WHERE leaves AND NOT backwards AND NOT posted AND NOT ended), 0)::bigint AS to_send,
    coalesce(sum(received) FILTER (WHERE NOT leaves AND NOT backwards AND NOT posted AND NOT ended), 0)::bigint AS to_receive,
    coalesce(sum(sent) FILTER (WHERE leaves AND backwards AND NOT ended), 0)::bigint AS to_return,
    coalesce(sum(received) FILTER (WHERE NOT leaves AND backwards AND NOT posted AND NOT ended), 0)::bigint AS to_take_back
FROM touched
