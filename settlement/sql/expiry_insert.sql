-- A report of expired points, in the window that the lane lives in. Expects to run under the lock of the lane.
INSERT INTO expiry_report (
    program, reference, lane, window_id, as_of, points, reported_at, evidence_id
)
SELECT
    %(program)b,
    %(reference)b,
    lane.lane,
    lane.window_id,
    %(as_of)b,
    %(points)b,
    %(reported_at)b,
    %(evidence_id)b
FROM lane
WHERE lane.lane = %(lane)b
