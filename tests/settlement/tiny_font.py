"""A font with one letter, made here: what a folder of fonts adds must not depend on what a machine has installed."""

import struct

UNITS = 1000
_MAGIC = 0x5F0F3CF5


def tiny_font(letter: str, family: str = "Tiny") -> bytes:
    """A TrueType font whose glyph 1, a box, is `letter`."""
    box = struct.pack(">hhhhh", 1, 100, 0, 900, 700) + struct.pack(">HH", 3, 0) + bytes([1, 1, 1, 1])
    box += struct.pack(">hhhh", 100, 800, 0, -800) + struct.pack(">hhhh", 0, 0, 700, 0)
    box += bytes(-len(box) % 4)
    tables = {
        b"OS/2": _os2(ord(letter)),
        b"cmap": _cmap(ord(letter)),
        b"glyf": box,
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, _MAGIC, 3, UNITS, 0, 0, 100, 0, 900, 700, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 1000, 0, 0, 900, 1, 0, 0, 0, 0, 0, 0, 0, 2),
        b"hmtx": struct.pack(">HhHh", 500, 0, 1000, 100),
        b"loca": struct.pack(">III", 0, 0, len(box)),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        b"name": _names({1: family, 2: "Regular", 4: family, 6: family}),
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
    }
    return _whole(tables)


def _os2(code: int) -> bytes:
    first = min(code, 0xFFFF)
    return (
        struct.pack(">HhHHH10h", 4, 700, 400, 5, 0, *[100] * 10)
        + struct.pack(">h10s4I4s", 0, bytes(10), 0, 0, 0, 0, b"TEST")
        + struct.pack(">HHHhhhHH", 0x40, first, first, 800, -200, 0, 800, 200)
        + struct.pack(">IIhhHHH", 1, 0, 500, 700, 0, 32, 1)
    )


def _cmap(code: int) -> bytes:
    groups = struct.pack(">HHIIIIII", 12, 0, 28, 0, 1, code, code, 1)
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + groups


def _names(said: dict[int, str]) -> bytes:
    records, texts = b"", b""
    for name, text in said.items():
        data = text.encode("utf-16-be")
        records += struct.pack(">HHHHHH", 3, 1, 0x409, name, len(data), len(texts))
        texts += data
    return struct.pack(">HHH", 0, len(said), 6 + len(records)) + records + texts


def _whole(tables: dict[bytes, bytes]) -> bytes:
    head = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, len(tables) * 16 - 128)
    directory, data, place = b"", b"", 12 + 16 * len(tables)
    for tag, table in sorted(tables.items()):
        padded = table + bytes(-len(table) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", tag, checksum, place + len(data), len(table))
        data += padded
    return head + directory + data
