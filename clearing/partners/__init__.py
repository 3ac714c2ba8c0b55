"""Who takes part and at which terms: partners, programs, keys, agreements, cover, corridors, linked accounts, the calendar.

SQL is in clearing/sql. Every function writes in the transaction of the connection that it is given, and none commits: in autocommit each
statement stands alone, and none needs more than that except `open_lane`, which brings its own transaction. The database constraints
decide races, not locks.
"""

from clearing.partners.accounts import (
    Account,
    account,
    bucket_of,
    bucketed_uuid,
    erase_account,
    erase_evidence,
    evidence_after,
    evidence_named,
    evidence_of,
    find_account,
    is_member_number,
    link_account,
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
from clearing.partners.cards import publish_corridor
from clearing.partners.cover import Movement, amount_of, caps, covers, move_cover, movements, refused
from clearing.partners.directory import Directory, Live, Partner, Program, load
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
from clearing.partners.proposals import Proposal, Signers, alone, digest_of, open_proposals, proposal, propose
from clearing.partners.registration import register_partner, register_program
from clearing.partners.seconding import seconded

__all__ = [
    "KEY_PROOF",
    "Account",
    "Announcement",
    "Directory",
    "Filed",
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
    "calendar",
    "caps",
    "covers",
    "digest_of",
    "drafted",
    "erase_account",
    "erase_evidence",
    "evidence_after",
    "evidence_named",
    "evidence_of",
    "fill_calendar",
    "find_account",
    "is_member_number",
    "key",
    "key_proof",
    "keys_of",
    "link_account",
    "load",
    "move_cover",
    "movements",
    "open_lane",
    "open_number",
    "open_proposals",
    "proposal",
    "propose",
    "publish_agreement",
    "publish_corridor",
    "refused",
    "register_key",
    "register_partner",
    "register_program",
    "revoke_key",
    "seconded",
]
