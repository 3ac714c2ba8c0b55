-- Where a break stands now that its decision is booked.
UPDATE break_item
SET
    state = %(state)b,
    due_at = %(due_at)b,
    provisional = %(provisional)b,
    ended_at = %(ended_at)b,
    resolution = %(resolution)b
WHERE break_item.break_id = %(break_id)b AND break_item.state = 'posting'
