-- All prices that were ever published.
SELECT
    program,
    version,
    valid_from,
    issue_num,
    issue_den,
    redeem_num,
    redeem_den
FROM price
ORDER BY program, version
