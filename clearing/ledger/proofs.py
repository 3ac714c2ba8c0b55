"""That the log only ever grew: the proof that its head extends an earlier one, read without any lock."""

from clearing.ledger.reads import Connection, _subtree
from clearing.rules import merkle


async def consistency(connection: Connection, lane: int, old: int, new: int) -> list[bytes]:
    """The proof that the log of `new` events extends the one of `old`, 0 < old <= new; reads a few hundred hashes whatever the size."""
    wanted: list[tuple[int, int]] = []

    def note(level: int, place: int) -> bytes:
        wanted.append((level, place))
        return merkle.EMPTY_ROOT

    merkle.consistency(old, new, note)
    known = {name: await _subtree(connection, lane, *name) for name in wanted}
    return merkle.consistency(old, new, lambda level, place: known[(level, place)])
