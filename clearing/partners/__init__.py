"""Who takes part and at which terms: partners, programs, keys, dated cards, members' accounts and links, the calendar. SQL in clearing/sql.

Every function writes in the transaction of the connection that it is given, and none commits: in autocommit each statement stands alone,
and none needs more than that except `open_lane`, which brings its own transaction. The database constraints decide races, not locks;
but what changes accounts, links and consents is decided on what was read, so it runs inside `deciding`, under the lock of the lane.
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
    open_number,
)
from clearing.partners.cards import publish_corridor, publish_price
from clearing.partners.channels import bears_shortfall, channel_refusal, grant_channel
from clearing.partners.claims import Claim, claim, claim_of, claims_open, file_claim, receipt_of, reject_claim
from clearing.partners.directory import Channel, Directory, Live, Partner, Program, load
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
from clearing.partners.registration import register_partner, register_program
from clearing.partners.rows import Connection, deciding

__all__ = [
    "KEY_PROOF",
    "Account",
    "Change",
    "Channel",
    "Claim",
    "Connection",
    "Directory",
    "KeyRow",
    "Live",
    "Partner",
    "Program",
    "account",
    "bears_shortfall",
    "bucket_of",
    "bucketed_uuid",
    "calendar",
    "channel_refusal",
    "claim",
    "claim_of",
    "claims_open",
    "close_account",
    "closed_remains",
    "consents_unproven",
    "deciding",
    "end_links",
    "erase_account",
    "erase_evidence",
    "evidence_after",
    "evidence_named",
    "evidence_of",
    "file_claim",
    "fill_calendar",
    "find_account",
    "give_consent",
    "grant_channel",
    "is_member_number",
    "keep_request",
    "key",
    "key_proof",
    "keys_of",
    "link",
    "link_account",
    "link_accounts",
    "link_between",
    "live_links",
    "load",
    "merge_account",
    "open_lane",
    "open_number",
    "publish_corridor",
    "publish_price",
    "receipt_of",
    "register_key",
    "register_partner",
    "register_program",
    "reject_claim",
    "revoke_key",
    "withdraw_consent",
]
