"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162): leaves, appending, roots, inclusion and consistency."""

from collections.abc import Callable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of a log without entries."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps it apart from every inner node."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def commitment(salt: bytes, event: bytes) -> bytes:
    """What the log holds of an event: nobody without the 32-byte salt can test a guess of its content."""
    return sha256(b"evt-v1" + salt + event).digest()


def append(frontier: list[bytes], size: int, leaf: bytes) -> list[tuple[int, bytes]]:
    """Add the leaf hash number `size` to `frontier`, in place, and return the subtrees it completes as (level, hash).

    The frontier holds the roots of the complete subtrees of the tree, largest first: one for each bit of its size.
    """
    completed = [(0, leaf)]
    level, node = 0, leaf
    while size >> level & 1:
        node = node_hash(frontier.pop(), node)
        level += 1
        completed.append((level, node))
    frontier.append(node)
    return completed


def root(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree with this frontier."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = node_hash(left, node)
    return node


Lookup = Callable[[int, int], bytes]
"""(level, index) → the hash of a complete subtree: `level` 0 is a leaf, its `index` counts subtrees of that level."""


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def subtree(start: int, end: int, look_up: Lookup) -> bytes:
    """The root of the leaves [start, end), from complete subtrees where there is one."""
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        return look_up(size.bit_length() - 1, start // size)
    middle = start + _split(size)
    return node_hash(subtree(start, middle, look_up), subtree(middle, end, look_up))


def inclusion(index: int, size: int, look_up: Lookup) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves (RFC 6962 section 2.1.1)."""
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(middle, end, look_up))
            end = middle
        else:
            path.append(subtree(start, middle, look_up))
            start = middle
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether `path` proves that the leaf hash is number `index` of the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, node = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and node == expected


def consistency(old: int, new: int, look_up: Lookup) -> list[bytes]:
    """The proof that the tree of `new` leaves extends the one of `old`, 0 < old <= new (RFC 6962 section 2.1.2)."""
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old - start != end - start:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(subtree(middle, end, look_up))
            end = middle
        else:
            path.append(subtree(start, middle, look_up))
            start, whole = middle, False
    if not whole:
        path.append(subtree(start, end, look_up))
    return path[::-1]


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `path` proves that nothing before `old` was changed (RFC 9162 section 2.1.4.2). From size 0 nothing is proved."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    nodes = list(path) if old & (old - 1) else [old_root, *path]
    if not nodes:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = nodes[0]
    for sibling in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node_hash(after, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and before == old_root and after == new_root
