-- Keep what was answered to a bank's file.
INSERT INTO settlement_bank_file (run, fingerprint, content, version, received_at, evidence_id, answer)
VALUES (
    %(run)b,
    %(fingerprint)b,
    %(content)b,
    %(version)b,
    %(received_at)b,
    %(evidence_id)b,
    %(answer)b
)
