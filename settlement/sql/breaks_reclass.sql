-- What was on its way for too long is missing: an open break, or a dispute, says so without a new run.
UPDATE break_item
SET class = CASE WHEN break_item.line IS NULL THEN 'MISSING_THEIRS' ELSE 'MISSING_OURS' END
WHERE
    break_item.ended_at IS NULL
    AND break_item.class = 'TIMING'
    AND break_item.dated_at <= %(until)b
