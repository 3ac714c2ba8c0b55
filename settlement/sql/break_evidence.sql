-- What was signed about a break: the book that the line came in, the program's answers about our item, and every step since.
SELECT
    'book' AS kind,
    book.evidence_id
FROM break_item
INNER JOIN book ON break_item.partner = book.partner AND book.sequence = break_item.line / 1000000
WHERE break_item.break_id = %(break_id)b AND book.evidence_id IS NOT NULL
UNION ALL
SELECT
    'answer' AS kind,
    orders.evidence_id
FROM break_item
INNER JOIN orders ON orders.lane = %(lane)b AND break_item.our_id = orders.exchange_id
WHERE break_item.break_id = %(break_id)b AND orders.evidence_id IS NOT NULL
UNION ALL
SELECT
    'step' AS kind,
    break_step.evidence_id
FROM break_step
WHERE break_step.break_id = %(break_id)b AND break_step.evidence_id IS NOT NULL
ORDER BY kind, evidence_id
