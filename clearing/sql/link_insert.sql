-- Link two accounts. The unique indexes refuse a second live link of the pair, and a second card where one is the rule.
INSERT INTO link (
    lane, link, source_program, source_account, target_program, target_account, one_card, evidence_id, linked_at
)
VALUES (
    %(lane)b,
    %(link)b,
    %(source_program)b,
    %(source_account)b,
    %(target_program)b,
    %(target_account)b,
    %(one_card)b,
    %(evidence_id)b,
    %(linked_at)b
)
