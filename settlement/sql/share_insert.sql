-- What a run shares: its bases, with what their periods had seen before and have seen after.
INSERT INTO settlement_share (run, contract, window_id, version, micros, before, after, closing)
SELECT
    %(run)b,
    base.contract,
    base.window_id,
    base.version,
    base.micros,
    base.before::jsonb,
    base.after::jsonb,
    base.closing
FROM unnest(
    %(contracts)b::text[],
    %(windows)b::integer[],
    %(versions)b::integer[],
    %(micros)b::bigint[],
    %(befores)b::text[],
    %(afters)b::text[],
    %(closings)b::boolean[]
) AS base (contract, window_id, version, micros, before, after, closing)
