"""RFC 6962 and RFC 9162: known answers, every proof up to 65 leaves, and nothing else accepted."""

from collections.abc import Callable
from typing import Any

import pytest

from clearing.rules import merkle

# transparency-dev/merkle, testonly/constants.go (Apache-2.0): leaf inputs, and the roots of the first n of them.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 65
LEAVES = [merkle.leaf_hash(b"leaf %d" % place) for place in range(MOST)]


def grown(leaves: list[bytes]) -> tuple[list[bytes], dict[tuple[int, int], bytes]]:
    """Roots of all sizes, and every complete subtree."""
    frontier: list[bytes] = []
    known: dict[tuple[int, int], bytes] = {}
    roots = [merkle.root(frontier)]
    for size, leaf in enumerate(leaves):
        for level, node in merkle.append(frontier, size, leaf):
            known[(level, size >> level)] = node
        assert len(frontier) == (size + 1).bit_count()
        roots.append(merkle.root(frontier))
    return roots, known


TREE_ROOTS, NODES = grown(LEAVES)


def look_up(level: int, place: int) -> bytes:
    return NODES[(level, place)]


def naive(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(naive(leaves[:split]), naive(leaves[split:]))


def claim(verify: Callable[..., bool], true: dict[str, Any]) -> Callable[..., bool]:
    """The same claim with something changed."""
    return lambda **changed: verify(**true | changed)


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_the_known_roots_come_out() -> None:
    roots, _ = grown([merkle.leaf_hash(bytes.fromhex(text)) for text in INPUTS])
    assert [root.hex() for root in roots] == ROOTS


@pytest.mark.parametrize("size", range(MOST + 1))
def test_every_root_is_the_definition(size: int) -> None:
    assert TREE_ROOTS[size] == naive(LEAVES[:size])


@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_every_leaf_is_proved_and_only_by_its_own_proof(size: int) -> None:
    root = TREE_ROOTS[size]
    for index in range(size):
        leaf, path = LEAVES[index], merkle.inclusion(index, size, look_up)

        true: dict[str, Any] = {"leaf": leaf, "index": index, "size": size, "path": path, "expected": root}
        holds = claim(merkle.verify_inclusion, true)

        assert holds()
        assert not holds(leaf=flipped(leaf))
        assert not holds(expected=flipped(root))
        assert not holds(index=size)
        assert not holds(index=-1)
        assert not holds(path=[*path, leaf])
        assert not path or not holds(path=path[:-1])
        assert not path or not holds(path=path[1:])
        assert not any(holds(index=other) for other in range(size) if other != index)
        for place in range(len(path)):
            assert not holds(path=[*path[:place], flipped(path[place]), *path[place + 1 :]])


def test_a_proof_of_another_size_with_a_longer_or_shorter_path_is_refused() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            path = merkle.inclusion(index, size, look_up)
            for other in range(1, MOST + 1):
                if other != size:
                    assert not merkle.verify_inclusion(LEAVES[index], index, other, path, TREE_ROOTS[other])


@pytest.mark.parametrize("new", range(1, MOST + 1))
def test_every_earlier_log_is_proved_to_be_part_of_a_later(new: int) -> None:
    for old in range(1, new + 1):
        before, later, path = TREE_ROOTS[old], TREE_ROOTS[new], merkle.consistency(old, new, look_up)

        true: dict[str, Any] = {"old": old, "new": new, "path": path, "old_root": before, "new_root": later}
        holds = claim(merkle.verify_consistency, true)

        assert holds()
        assert not holds(old_root=flipped(before))
        assert not holds(new_root=flipped(later))
        assert not holds(path=[*path, before])
        assert not path or not holds(path=path[:-1])
        assert not path or not holds(path=path[1:])
        assert not holds(old=0)
        assert not holds(old=new + 1)
        for place in range(len(path)):
            assert not holds(path=[*path[:place], flipped(path[place]), *path[place + 1 :]])
        for other in range(1, new):
            assert other == old or not holds(old=other, old_root=TREE_ROOTS[other])


@pytest.mark.parametrize("new", [0, 1, 7])
def test_from_an_empty_log_nothing_is_proved(new: int) -> None:
    assert not merkle.verify_consistency(0, new, [], merkle.EMPTY_ROOT, TREE_ROOTS[new])


def test_the_same_log_needs_no_proof_and_takes_none() -> None:
    root = TREE_ROOTS[5]
    assert merkle.verify_consistency(5, 5, [], root, root)
    assert not merkle.verify_consistency(5, 5, [root], root, root)
    assert not merkle.verify_consistency(5, 5, [], root, flipped(root))


def test_a_leaf_is_no_node_and_a_commitment_needs_its_salt() -> None:
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)
    assert merkle.commitment(b"a" * 32, b"event") != merkle.commitment(b"b" * 32, b"event")
