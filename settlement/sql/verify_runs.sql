-- Every run that was approved: its bytes and hashes, both keys, what each of them said and by which kept request, and what its nets add up to.
SELECT
    run.run,
    run.state,
    run.inputs,
    run.inputs_sha256,
    run.result,
    run.result_sha256,
    run.previewed_by,
    run.approved_by,
    array(
        SELECT event.key_id || ' ' || event.detail
        FROM settlement_run_event AS event
        INNER JOIN key ON event.key_id = key.key_id AND key.purpose = 'operator'
        INNER JOIN evidence
            ON evidence.lane = %(lane)b AND event.evidence_id = evidence.evidence_id AND event.key_id = evidence.key_id
        WHERE event.run = run.run AND event.step IN ('previewed', 'approved')
        ORDER BY event.number
    ) AS signed,
    (SELECT coalesce(sum(net.micros), 0)::bigint FROM settlement_net AS net WHERE net.run = run.run) AS micros,
    array(
        SELECT net.currency
        FROM settlement_net AS net
        WHERE net.run = run.run
        GROUP BY net.currency
        HAVING sum(net.minor) <> 0
        ORDER BY net.currency
    ) AS uneven,
    array(
        SELECT
            jsonb_build_array(
                instruction.payer,
                instruction.payee,
                instruction.currency,
                instruction.minor,
                instruction.paid,
                instruction.received
            )
        FROM settlement_instruction AS instruction
        WHERE instruction.run = run.run
    ) AS instructed,
    array(
        SELECT instruction.instruction
        FROM settlement_instruction AS instruction
        WHERE
            instruction.run = run.run
            AND instruction.state = 'settled'
            AND array(
                SELECT adjustment.lines::jsonb -> 0
                FROM adjustment
                WHERE
                    adjustment.lane = %(lane)b
                    AND adjustment.kind = 'paid'
                    AND adjustment.reference = instruction.instruction
                ORDER BY adjustment.lines::jsonb -> 0
            ) <> array(
                SELECT jsonb_build_array(side.party, side.amount)
                FROM (
                    VALUES (instruction.payer, -instruction.paid), (instruction.payee, instruction.received)
                ) AS side (party, amount)
                WHERE side.party <> 'house' AND side.amount <> 0
                ORDER BY jsonb_build_array(side.party, side.amount)
            )
        ORDER BY instruction.instruction
    ) AS unbooked,
    (
        SELECT count(*)
        FROM settlement_instruction AS instruction
        WHERE instruction.run = run.run AND instruction.state <> 'settled'
    ) AS unsettled
FROM settlement_run AS run
WHERE run.approved_by IS NOT NULL
ORDER BY run.run
