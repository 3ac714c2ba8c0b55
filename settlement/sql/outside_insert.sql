-- A report of what moved outside of the house, in the window that the lane lives in. Expects to run under the lock of the lane.
INSERT INTO outside_report (
    program, reference, lane, window_id, as_of, opening, issued, redeemed, expired, reported_at, evidence_id
)
SELECT
    %(program)b,
    %(reference)b,
    lane.lane,
    lane.window_id,
    %(as_of)b,
    %(opening)b,
    %(issued)b,
    %(redeemed)b,
    %(expired)b,
    %(reported_at)b,
    %(evidence_id)b
FROM lane
WHERE lane.lane = %(lane)b
