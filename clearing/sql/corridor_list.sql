-- All corridors that were ever published.
SELECT
    source,
    target,
    version,
    valid_from,
    valid_to,
    ratio_num,
    ratio_den,
    step,
    minimum,
    maximum
FROM corridor
ORDER BY source, target, version
