-- What the newest run of the window no longer finds has cleared by itself; disputes go on until they are decided.
UPDATE break_item
SET
    state = 'cleared',
    ended_at = %(at)b,
    due_at = NULL
WHERE
    break_item.partner = %(partner)b
    AND break_item.window_id = %(window_id)b
    AND break_item.run < %(run)b
    AND break_item.state IN ('open', 'seconded')
