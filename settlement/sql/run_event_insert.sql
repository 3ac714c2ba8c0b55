-- Keep a step of a run, after those that are there.
INSERT INTO settlement_run_event (run, number, at, step, key_id, evidence_id, detail)
SELECT
    %(run)b,
    coalesce(max(number), 0) + 1 AS number,
    %(at)b,
    %(step)b,
    %(key_id)b,
    %(evidence_id)b,
    %(detail)b
FROM settlement_run_event
WHERE run = %(run)b
