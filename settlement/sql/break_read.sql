-- One break.
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
WHERE break_item.break_id = %(break_id)b
