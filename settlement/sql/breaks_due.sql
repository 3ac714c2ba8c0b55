-- Breaks whose clock has run out, the first first.
SELECT break_item.break_id
FROM break_item
WHERE break_item.ended_at IS NULL AND break_item.due_at <= %(now)b
ORDER BY break_item.due_at, break_item.break_id
LIMIT %(most)b
