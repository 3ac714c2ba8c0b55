-- A break goes on to its next owner, unless somebody decided it meanwhile.
UPDATE break_item
SET
    owner = %(owner)b,
    due_at = %(due_at)b
WHERE break_item.break_id = %(break_id)b AND break_item.state = %(state)b
