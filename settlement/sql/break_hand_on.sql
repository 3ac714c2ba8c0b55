-- An open break goes on to its next owner.
UPDATE break_item
SET
    owner = %(owner)b,
    due_at = %(due_at)b
WHERE break_item.break_id = %(break_id)b
