"""A partner's own keys: register with a proof of possession, list, revoke."""

from typing import TYPE_CHECKING

from clearing import partners
from clearing.front import messages, shapes
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE

if TYPE_CHECKING:
    from clearing.front.house import House

DOUBTS_MOST = 100


async def list_keys(house: "House", asked: Asked) -> Reply:
    """The caller's keys, retired ones too."""
    async with house.reads.connection() as connection:
        rows = await partners.keys_of(connection, asked.caller.partner)
    return Reply(200, {"keys": [shapes.key(row) for row in rows]})


async def register_key(house: "House", asked: Asked) -> Reply:
    """Register another key of the caller's, so that the old one can be retired.

    `proof` is a compact JWS by the new key, `typ` `clearing-key-proof+jws`, over
    `{"key_id":"…","partner":"…","purpose":"…"}` (sorted, without white space).
    """
    wish = asked.parse(messages.KeyWish)
    environment = house.settings.environment
    async with house.reads.connection() as connection:
        row = await partners.register_key(
            connection, wish.jwk, wish.purpose, asked.caller.code, environment, wish.proof, asked.at
        )
    house.live.forget()
    return Reply(201, shapes.key(row))


async def revoke_key(house: "House", asked: Asked) -> Reply:
    """Take a key out of use at once. What it asked for or decided since `compromised_since` is listed: it is in doubt."""
    wish = asked.parse(messages.RevokeWish)
    async with house.reads.connection() as connection:
        row = await partners.revoke_key(
            connection, asked.path["key_id"], asked.caller.partner, asked.at, wish.compromised_since
        )
        found = await partners.doubts(connection, LANE, row, DOUBTS_MOST + 1)
    house.live.forget()
    in_doubt = [shapes.doubt(doubt) for doubt in found[:DOUBTS_MOST]]
    return Reply(200, {**shapes.key(row), "in_doubt": in_doubt, "more": len(found) > DOUBTS_MOST})


DOORS = (
    Door("GET", "/v1/keys", list_keys, {200: messages.KeysSaid}, purposes=BOTH, tag="keys"),
    Door(
        "POST",
        "/v1/keys",
        register_key,
        {201: messages.KeySaid},
        messages.KeyWish,
        ("key_refused", "proof_of_possession_invalid"),
        tag="keys",
        keeps=True,
    ),
    Door(
        "POST",
        "/v1/keys/{key_id}/revoke",
        revoke_key,
        {200: messages.RevokedSaid},
        messages.RevokeWish,
        ("not_found",),
        purposes=BOTH,
        tag="keys",
        keeps=True,
    ),
)
