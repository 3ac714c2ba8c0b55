"""The audit of two keys: a change of terms, cover, risk rules, budgets, bank details or contracts is what was signed, by kept requests."""

from clearing.partners import cover
from clearing.partners.proposals import digest_of
from clearing.partners.rows import Connection, Row, rows

FUNDS = "/v1/cover/funds"
"""Where a bank's file is sent that tells of cover: it stands for the second key's word.

That a file was sent is what this audit proves. What was in it is sealed with the request; its digest is signed, and can be compared.
"""


async def seconded(connection: Connection, lane: int) -> tuple[int, list[str]]:
    """How many such changes there are, and what does not hold of them."""
    found = await rows(connection, "verify_seconded", lane=lane)
    return len(found), [f"{one['kind']} {one['digest']}: {fault}" for one in found for fault in _faults(one)]


def _faults(change: Row) -> list[str]:
    """1. the content is what the digest says; 2. two keys, unless it is a first one; 3. their requests; 4. the second said it."""
    if change["document"] is None or digest_of(change["kind"], change["document"]) != change["digest"]:  # 1
        return ["the content is not what was signed"]
    if change["kind"] == cover.KIND and cover.amount_of(change["document"]) != change["amount"]:
        return ["the amount is not what was signed"]
    if change["kind"] != cover.KIND and change["proposed_by"] is None:  # 2: the tables let only a first version be so
        return []
    if change["proposed_by"] == change["confirmed_by"]:
        return ["one key alone"]
    kept = (change["first_key"], change["second_key"])
    if kept != (change["proposed_by"], change["confirmed_by"]):  # 3
        return ["a request of one of its keys is not kept"]
    base = change["base"].decode()
    named = change["digest"] in base or (change["kind"] == cover.KIND and FUNDS in base)
    return [] if named else ["the second key signed something else"]  # 4
