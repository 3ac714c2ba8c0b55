"""Who takes part and at which terms: partners, programs, keys, dated cards, linked accounts, the calendar. SQL in clearing/sql.

Every function writes in the transaction of the connection that it is given, and none commits: in autocommit each statement stands alone,
and none needs more than that except `open_lane`, which brings its own transaction. The database constraints decide races, not locks.
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
from clearing.partners.cards import publish_corridor, publish_price
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
from clearing.partners.registration import register_partner, register_program

__all__ = [
    "BEGINNING",
    "KEY_PROOF",
    "Account",
    "Directory",
    "Doubt",
    "KeyRow",
    "Live",
    "Partner",
    "Program",
    "account",
    "bucket_of",
    "bucketed_uuid",
    "calendar",
    "doubts",
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
    "open_lane",
    "open_number",
    "publish_corridor",
    "publish_price",
    "register_key",
    "register_partner",
    "register_program",
    "revoke_key",
]
