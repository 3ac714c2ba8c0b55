-- Breaks that have not ended, the oldest first; of one partner, or of everybody, and of one window, or of all; those after a place.
SELECT
    break_item.break_id,
    break_item.partner,
    break_item.window_id,
    break_item.run,
    break_item.class,
    break_item.our_id,
    break_item.line,
    break_item.suggested,
    break_item.amount,
    break_item.known,
    break_item.owner,
    break_item.opened_at,
    break_item.due_at,
    break_item.state,
    break_item.provisional,
    break_item.resolution
FROM break_item
WHERE
    break_item.ended_at IS NULL
    AND (%(partner)b::text IS NULL OR break_item.partner = %(partner)b::text)
    AND (%(window_id)b::int IS NULL OR break_item.window_id = %(window_id)b::int)
    AND (
        %(after_at)b::timestamptz IS NULL
        OR (break_item.opened_at, break_item.break_id) > (%(after_at)b, %(after)b::uuid)
    )
ORDER BY break_item.opened_at, break_item.break_id
LIMIT %(most)b::bigint
