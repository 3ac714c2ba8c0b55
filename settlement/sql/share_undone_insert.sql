-- What a run gives back of bases of earlier windows: from one cumulative mark to another.
INSERT INTO settlement_share_undone (run, contract, window_id, since, until)
SELECT
    %(run)b,
    back.contract,
    back.window_id,
    back.since,
    back.until
FROM unnest(
    %(contracts)b::text[], %(windows)b::integer[], %(sinces)b::bigint[], %(untils)b::bigint[]
) AS back (contract, window_id, since, until)
