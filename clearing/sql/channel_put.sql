-- What a partner may do alone with a program's points, from now on. Locks: the channel's row.
INSERT INTO channel (partner, program, kinds, bears_shortfall)
VALUES (%(partner)b, %(program)b, %(kinds)b, %(bears_shortfall)b)
ON CONFLICT (partner, program) DO UPDATE
    SET
        kinds = excluded.kinds,
        bears_shortfall = excluded.bears_shortfall
