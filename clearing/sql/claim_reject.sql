-- A partner will not pay a claim; only the first word counts. Locks: the claim's row.
UPDATE claim
SET
    rejected_at = %(now)b,
    rejected_reason = %(reason)b,
    rejection_id = %(evidence_id)b
WHERE lane = %(lane)b AND claim = %(claim)b AND rejected_at IS NULL
