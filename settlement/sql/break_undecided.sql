-- What stands on a partner's position, without this break, that no person of the house agreed to: what its undecided breaks booked, and what
-- silence decided since. `turn` counts who credited it so far.
SELECT
    coalesce((SELECT break_turn.turn FROM break_turn WHERE break_turn.partner = %(partner)b), 0)::bigint AS turn,
    coalesce(sum(abs(moved.books)), 0)::bigint AS undecided
FROM (
    SELECT sum(break_step.books) AS books
    FROM break_item
    INNER JOIN break_step ON break_item.break_id = break_step.break_id
    WHERE
        break_item.partner = %(partner)b
        AND break_item.break_id <> %(break_id)b
        AND break_step.state <> 'seconded'
        AND (
            break_item.ended_at IS NULL
            OR (
                break_item.ended_at > %(since)b
                AND EXISTS (
                    SELECT 1 FROM break_step AS silence
                    WHERE
                        silence.break_id = break_item.break_id
                        AND silence.key_id IS NULL
                        AND silence.state = 'resolved'
                )
            )
        )
    GROUP BY break_item.break_id
) AS moved
