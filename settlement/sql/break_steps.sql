-- Everything that was said about a break, in order.
SELECT
    break_step.number,
    break_step.at,
    break_step.decision,
    break_step.books,
    break_step.state,
    break_step.note,
    break_step.key_id,
    break_step.evidence_id
FROM break_step
WHERE break_step.break_id = %(break_id)b
ORDER BY break_step.number
