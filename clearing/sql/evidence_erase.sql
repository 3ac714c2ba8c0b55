-- Drop the keys of sealed bodies; what was signed stays. Locks: the rows of the evidence.
UPDATE evidence
SET wrapped = NULL
WHERE lane = %(lane)b AND evidence_id = any(%(evidence_id)b::uuid[])
RETURNING evidence_id
