-- Payments that were booked when the log had `size` events, with the run and the windows that they settle and the end of the last. A payment
-- of no run is of the window that it names. `whole` is what all payments of the partner in the run come to.
SELECT
    entry.account,
    entry.amount,
    adjustment.of_window,
    calendar.closes_at,
    settlement_instruction.run,
    settlement_net.micros AS whole,
    coalesce(
        array_agg(settlement_run_window.window_id) FILTER (WHERE settlement_run_window.live),
        ARRAY[adjustment.of_window]
    ) AS windows
FROM adjustment
INNER JOIN entry ON entry.lane = %(lane)b AND adjustment.seq = entry.seq AND mod(entry.account, 16) = 8
INNER JOIN calendar ON adjustment.of_window = calendar.window_id
LEFT JOIN settlement_instruction ON adjustment.reference = settlement_instruction.instruction
LEFT JOIN settlement_run_window ON settlement_instruction.run = settlement_run_window.run
LEFT JOIN settlement_net
    ON settlement_instruction.run = settlement_net.run AND settlement_net.party = adjustment.lines::jsonb #>> '{0,0}'
WHERE
    adjustment.lane = %(lane)b
    AND adjustment.kind = 'paid'
    AND adjustment.seq < %(size)b::bigint
GROUP BY
    adjustment.seq,
    entry.account,
    entry.amount,
    adjustment.of_window,
    calendar.closes_at,
    settlement_instruction.run,
    settlement_net.micros
ORDER BY adjustment.seq, entry.account
