-- Withdraw the consent of a link that holds, if there is one. Locks: the row of the consent.
UPDATE consent
SET
    withdrawn_at = %(now)b,
    withdrawn_by = %(key_id)b
WHERE lane = %(lane)b AND link = %(link)b AND withdrawn_at IS NULL
RETURNING number
