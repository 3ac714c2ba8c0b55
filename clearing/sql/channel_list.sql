-- What partners may do alone with the points of others' programs.
SELECT
    partner,
    program,
    kinds,
    bears_shortfall
FROM channel
