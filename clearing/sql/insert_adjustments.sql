-- Keep what was adjusted or paid, and why.
INSERT INTO adjustment (
    lane,
    adjustment_id,
    kind,
    seq,
    at,
    window_id,
    of_window,
    reason,
    reference,
    lines,
    evidence_id
)
SELECT
    %(lane)b,
    new_row.adjustment_id,
    new_row.kind,
    new_row.seq,
    new_row.at,
    new_row.window_id,
    new_row.of_window,
    new_row.reason,
    new_row.reference,
    new_row.lines,
    new_row.evidence_id
FROM unnest(
    %(adjustment_id)b::uuid[],
    %(kind)b::text[],
    %(seq)b::bigint[],
    %(at)b::timestamptz[],
    %(window_id)b::integer[],
    %(of_window)b::integer[],
    %(reason)b::text[],
    %(reference)b::text[],
    %(lines)b::text[],
    %(evidence_id)b::uuid[]
) AS new_row (
    adjustment_id, kind, seq, at, window_id, of_window, reason, reference, lines, evidence_id
)
