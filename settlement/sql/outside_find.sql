-- A program's reports of what moved outside of the house: the one of this reference, and the one in the window that the lane lives in.
SELECT
    outside_report.program,
    outside_report.reference,
    outside_report.as_of,
    outside_report.opening,
    outside_report.issued,
    outside_report.redeemed,
    outside_report.expired,
    outside_report.reported_at,
    outside_report.evidence_id,
    outside_report.window_id
FROM outside_report
INNER JOIN lane ON outside_report.lane = lane.lane
WHERE
    outside_report.lane = %(lane)b
    AND outside_report.program = %(program)b
    AND (outside_report.reference = %(reference)b OR outside_report.window_id = lane.window_id)
ORDER BY outside_report.reference = %(reference)b DESC
