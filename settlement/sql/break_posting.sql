-- A break is decided and yet to be booked; no row comes back when it is no longer what the decision was about.
UPDATE break_item
SET
    state = 'posting',
    due_at = %(due_at)b
WHERE
    break_item.break_id = %(break_id)b
    AND break_item.state = %(state)b
    AND break_item.amount = %(amount)b
RETURNING break_item.break_id
