-- Breaks whose clock has run out, the first first. `gone`: the newest run of the window found no difference any more.
SELECT
    break_item.break_id,
    coalesce(
        (
            SELECT max(match_run.run) FROM match_run
            WHERE match_run.partner = break_item.partner AND match_run.window_id = break_item.window_id
        ) > break_item.run,
        FALSE
    ) AS gone
FROM break_item
WHERE break_item.ended_at IS NULL AND break_item.due_at <= %(now)b
ORDER BY break_item.due_at, break_item.break_id
LIMIT %(most)b
