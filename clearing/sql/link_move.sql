-- Let a live link lead from or to the account that another was merged into. Locks: the row of the link.
UPDATE link
SET
    source_account = CASE WHEN source_account = %(gone)b THEN %(survivor)b ELSE source_account END,
    target_account = CASE WHEN target_account = %(gone)b THEN %(survivor)b ELSE target_account END,
    moved_at = %(now)b
WHERE lane = %(lane)b AND link = %(link)b AND ended_at IS NULL
