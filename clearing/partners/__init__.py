"""Who takes part and at which terms: partners, programs, keys, agreements, cover, corridors, members' accounts and links, the calendar;
the risk rules and the budgets of campaigns.

SQL is in clearing/sql. Every function writes in the transaction of the connection that it is given, and none commits: in autocommit each
statement stands alone, and none needs more than that except `open_lane`, which brings its own transaction. The database constraints
decide races, not locks; but what changes accounts, links and consents is decided on what was read, so it runs inside `deciding`, under
the lock of the lane.
"""

from clearing.partners.accounts import (
    Account,
    account,
    bucket_of,
    bucketed_uuid,
    erase_evidence,
    evidence_after,
    evidence_named,
    evidence_of,
    find_account,
    is_member_number,
    keep_request,
    link_account,
    name_members,
    open_number,
)
from clearing.partners.agreements import (
    Announcement,
    Filed,
    agreements_of,
    announced,
    drafted,
    publish_agreement,
)
from clearing.partners.campaigns import FiledBudget, budget_document, file_budget, filed_budgets, latest
from clearing.partners.cards import FiledCard, cards_filed, drafted_card, publish_card
from clearing.partners.cover import Movement, amount_of, caps, covers, move_cover, movements, refused
from clearing.partners.directory import Directory, Live, Partner, Program, load
from clearing.partners.doubts import BEGINNING, Doubt, doubts
from clearing.partners.keys import (
    KEY_PROOF,
    KeyRow,
    key,
    key_proof,
    keys_of,
    register_key,
    revoke_key,
)
from clearing.partners.lanes import calendar, fill_calendar, open_lane
from clearing.partners.links import (
    Change,
    close_account,
    closed_remains,
    consents_unproven,
    end_links,
    erase_account,
    give_consent,
    link,
    link_accounts,
    link_between,
    live_links,
    merge_account,
    withdraw_consent,
)
from clearing.partners.proposals import Proposal, Signers, alone, digest_of, open_proposals, proposal, propose
from clearing.partners.registration import register_partner, register_program
from clearing.partners.risk import FiledRules, drafted_rules, filed_rules, publish_rules
from clearing.partners.rows import Connection, deciding
from clearing.partners.seconding import seconded

__all__ = [
    "BEGINNING",
    "KEY_PROOF",
    "Account",
    "Announcement",
    "Change",
    "Connection",
    "Directory",
    "Doubt",
    "Filed",
    "FiledBudget",
    "FiledCard",
    "FiledRules",
    "KeyRow",
    "Live",
    "Movement",
    "Partner",
    "Program",
    "Proposal",
    "Signers",
    "account",
    "agreements_of",
    "alone",
    "amount_of",
    "announced",
    "bucket_of",
    "bucketed_uuid",
    "budget_document",
    "calendar",
    "caps",
    "cards_filed",
    "close_account",
    "closed_remains",
    "consents_unproven",
    "covers",
    "deciding",
    "digest_of",
    "doubts",
    "drafted",
    "drafted_card",
    "drafted_rules",
    "end_links",
    "erase_account",
    "erase_evidence",
    "evidence_after",
    "evidence_named",
    "evidence_of",
    "file_budget",
    "filed_budgets",
    "filed_rules",
    "fill_calendar",
    "find_account",
    "give_consent",
    "is_member_number",
    "keep_request",
    "key",
    "key_proof",
    "keys_of",
    "latest",
    "link",
    "link_account",
    "link_accounts",
    "link_between",
    "live_links",
    "load",
    "merge_account",
    "move_cover",
    "movements",
    "name_members",
    "open_lane",
    "open_number",
    "open_proposals",
    "proposal",
    "propose",
    "publish_agreement",
    "publish_card",
    "publish_rules",
    "refused",
    "register_key",
    "register_partner",
    "register_program",
    "revoke_key",
    "seconded",
    "withdraw_consent",
]
