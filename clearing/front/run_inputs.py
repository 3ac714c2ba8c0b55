"""What a settlement run was made of, at the door: the bytes whose digest two keys approved, so that anybody can make its result anew."""

from typing import TYPE_CHECKING

from clearing.front import run_messages as messages
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from settlement import run as settling

if TYPE_CHECKING:
    from clearing.front.house import House


async def look_up_inputs(house: "House", asked: Asked) -> Reply:
    """What a run was made of: the very bytes whose SHA-256 is `inputs_sha256`. Whoever has them can make the result anew."""
    async with house.reads.connection() as connection:
        row = await settling.run_of(connection, asked.path["run"])
    return Reply(200, row.inputs)


DOORS = (
    Door(
        "GET",
        "/v1/runs/{run}/inputs",
        look_up_inputs,
        {200: messages.InputsSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="settlement",
    ),
)
