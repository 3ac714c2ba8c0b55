-- Begin to credit a partner without a person of the house; no row comes back when somebody else did since this turn was read.
INSERT INTO break_turn (partner, turn)
VALUES (%(partner)b, 1)
ON CONFLICT (partner) DO UPDATE SET turn = break_turn.turn + 1
WHERE break_turn.turn = %(turn)b
RETURNING turn
