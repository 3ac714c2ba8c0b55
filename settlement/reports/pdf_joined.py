"""Several PDFs that typst made, as one: pages and structure of the later ones behind those of the first, which keeps all the rest.

A page of a long statement needs little, but typst keeps all pages of a document in memory until it is written. So its lines are made
some pages at a time. This knows how typst writes a PDF (plain objects, one table of places) and refuses what is written in another way.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

_HEAD = b"%PDF-1.7\n%\x80\x80\x80\x80\n\n"
_REFERENCE = re.compile(rb"\b([0-9]+) 0 R\b")
_ENTRY = re.compile(rb"([0-9]{10}) 00000 n\r\n")
_TRAILER = re.compile(rb"trailer\n<<(.*)>>\nstartxref\n([0-9]+)\n%%EOF\s*\Z", re.DOTALL)
_PAGES = re.compile(rb"<</Type/Pages(?:/Parent [0-9]+ 0 R)?/Count ([0-9]+)/Kids\[([^\]]*)\]")
_TOP, _ROOT = re.compile(rb"<</Type/Pages/Count"), re.compile(rb"<</Type/StructTreeRoot")
_CONTENTS = re.compile(rb"/Contents [0-9]+ 0 R")
_KEY = re.compile(rb"/StructParents ([0-9]+)")
_TREE = re.compile(rb"<</Type/StructTreeRoot/RoleMap<<([^>]*)>>/K\[([^\]]*)\]/ParentTree<</Nums\[([^\]]*)\]>>")
_NEXT = re.compile(rb"/ParentTreeNextKey [0-9]+")
_ROLE = re.compile(rb"/([A-Za-z0-9]+)/([A-Za-z0-9]+)")
_METADATA = re.compile(rb"<</Length ([0-9]+)(/Type/Metadata/Subtype/XML>>\nstream\n)")
_PAGES_SAID = re.compile(rb"(<xmpTPg:NPages>)([0-9]+)(</xmpTPg:NPages>)")
_ID = re.compile(rb"/ID\[\(([^()]*)\)\([^()]*\)\]")


@dataclass(frozen=True, slots=True)
class _Parts:
    """A PDF taken apart: its objects by number, its trailer, and which objects are the roots of pages and of structure."""

    objects: dict[int, bytes]
    trailer: bytes
    pages: int
    tree: int


def page_count(data: bytes) -> int:
    """How many pages a PDF of typst has."""
    parts = _parts(data)
    return int(_match(_PAGES, parts.objects[parts.pages])[1])


def pages_of(data: bytes) -> list[list[tuple[int, int]]]:
    """Of each page of a PDF of typst, in their order, from where to where the objects stand that are its own."""
    parts, spans = _parts(data), _spans(data, int(_match(_TRAILER, data)[2]))
    found, waiting = [], [parts.pages]
    while waiting:
        number = waiting.pop()
        body = _said(parts.objects[number])[0]
        if body.startswith(b"<</Type/Pages"):
            waiting += reversed(_referred(_match(_PAGES, body)[2]))
        else:
            found.append([spans[one] for one in (number, *_referred(b"".join(_CONTENTS.findall(body))))])
    return found


def joined(first: bytes, others: Iterable[bytes]) -> bytes:
    """One PDF of all. Raises ValueError for one that is not written as typst writes."""
    whole = _parts(first)
    for data in others:
        _take(whole, _parts(data))
    _say_pages(whole)
    return _written(whole)


# --- taken apart


def _parts(data: bytes) -> _Parts:
    said = _match(_TRAILER, data)
    objects = {}
    for number, (start, end) in _spans(data, int(said[2])).items():
        body = data[start:end].partition(b" 0 obj\n")[2]
        if not body.rstrip().endswith(b"endobj"):
            raise _strange()
        objects[number] = body
    if sorted(objects) != list(range(1, len(objects) + 1)):
        raise _strange()
    return _Parts(objects, said[1], _one(objects, _TOP), _one(objects, _ROOT))


def _spans(data: bytes, table: int) -> dict[int, tuple[int, int]]:
    """From where to where each object stands, by its number, as the table of places at `table` says."""
    places = sorted(int(one[1]) for one in _ENTRY.finditer(data, table))
    found = {}
    for start, end in zip(places, [*places[1:], table], strict=True):
        number = data[start : start + 12].partition(b" 0 obj\n")[0]
        if not number.isdigit():
            raise _strange()
        found[int(number)] = (start, end)
    return found


def _one(objects: dict[int, bytes], begins: re.Pattern[bytes]) -> int:
    found = [number for number, body in objects.items() if begins.match(body)]
    if len(found) != 1:
        raise _strange()
    return found[0]


def _match(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes]:
    found = pattern.search(text)
    if found is None:
        raise _strange()
    return found


def _strange() -> ValueError:
    return ValueError("this PDF is not written as typst writes")


def _referred(text: bytes) -> list[int]:
    return [int(one[1]) for one in _REFERENCE.finditer(text)]


# --- put together


def _take(whole: _Parts, part: _Parts) -> None:
    """Add the pages of a later PDF, what they need, and their structure."""
    ours, theirs = _match(_TREE, whole.objects[whole.tree]), _match(_TREE, part.objects[part.tree])
    if b"/IDTree" in part.objects[part.tree]:
        raise ValueError("a later PDF names cells of its tables, and a name is used once")
    keys = len(_referred(ours[3]))
    tops, nums = _referred(theirs[2]), _referred(theirs[3])
    kept = _reached(part, [part.pages, *tops, *nums])
    numbers = {old: new for new, old in enumerate(kept, len(whole.objects) + 1)} | {part.tree: whole.tree}
    for old in kept:
        whole.objects[numbers[old]] = _moved(part.objects[old], numbers, keys)
    _hang_structure(whole, [numbers[one] for one in tops], [numbers[one] for one in nums], theirs[1])
    _hang_pages(whole, numbers[part.pages])


def _reached(part: _Parts, starts: Iterable[int]) -> list[int]:
    """The objects that these lead to, without the root of the structure: catalogue, metadata and colours of a later PDF are left out."""
    seen, waiting = {part.tree}, list(starts)
    while waiting:
        number = waiting.pop()
        if number not in seen:
            seen.add(number)
            waiting += _referred(_said(part.objects[number])[0])
    return sorted(seen - {part.tree})


def _said(body: bytes) -> tuple[bytes, bytes]:
    """What an object says, and its stream with all that follows, where it has one."""
    said, stream, rest = body.partition(b">>\nstream\n")
    return said, stream + rest


def _moved(body: bytes, numbers: dict[int, int], keys: int) -> bytes:
    """An object with its references, and the key of its structure, as they are in the whole."""
    said, stream = _said(body)
    said = _REFERENCE.sub(lambda found: b"%d 0 R" % numbers[int(found[1])], said)
    if said.startswith(b"<</Type/Page/"):
        said = _KEY.sub(lambda found: b"/StructParents %d" % (int(found[1]) + keys), said)
    return said + stream


def _hang_structure(whole: _Parts, tops: list[int], nums: list[int], roles: bytes) -> None:
    body = whole.objects[whole.tree]
    ours = _match(_TREE, body)
    known = dict(_ROLE.findall(roles)) | dict(_ROLE.findall(ours[1]))
    keys = len(_referred(ours[3]))
    told = b"<</Type/StructTreeRoot/RoleMap<<%s>>/K[%s]/ParentTree<</Nums[%s]>>" % (
        b"".join(b"/%s/%s" % pair for pair in sorted(known.items())),
        b" ".join([ours[2], *(b"%d 0 R" % one for one in tops)]),
        b" ".join([ours[3], *(b"%d %d 0 R" % (key, one) for key, one in enumerate(nums, keys))]),
    )
    rest = _NEXT.sub(b"/ParentTreeNextKey %d" % (keys + len(nums)), body[ours.end() :])
    whole.objects[whole.tree] = told + rest


def _hang_pages(whole: _Parts, top: int) -> None:
    body, later = whole.objects[whole.pages], whole.objects[top]
    ours, count = _match(_PAGES, body), int(_match(_PAGES, later)[1])
    told = b"<</Type/Pages/Count %d/Kids[%s %d 0 R]" % (int(ours[1]) + count, ours[2], top)
    whole.objects[whole.pages] = told + body[ours.end() :]
    whole.objects[top] = later.replace(b"<</Type/Pages", b"<</Type/Pages/Parent %d 0 R" % whole.pages, 1)


def _say_pages(whole: _Parts) -> None:
    """What the metadata say of the number of pages, once it is known."""
    count = _match(_PAGES, whole.objects[whole.pages])[1]
    number = _one(whole.objects, _METADATA)
    body = whole.objects[number]
    head, said = _match(_METADATA, body), _match(_PAGES_SAID, body)
    length = int(head[1]) + len(count) - len(said[2])
    told = body[head.end() : said.start()] + said[1] + count + said[3] + body[said.end() :]
    whole.objects[number] = b"<</Length %d%s%s" % (length, head[2], told)


def _written(whole: _Parts) -> bytes:
    """All objects, the table of their places, and the trailer with a name made of all bytes."""
    out, places = bytearray(_HEAD), []
    for number in sorted(whole.objects):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + whole.objects[number]
    start, name = len(out), sha256(out).hexdigest()[:32].encode()
    out += b"xref\n0 %d\n0000000000 65535 f\r\n" % (len(places) + 1)
    for place in places:
        out += b"%010d 00000 n\r\n" % place
    trailer = _ID.sub(lambda _: b"/ID[<%s><%s>]" % (name, name), whole.trailer)
    trailer = re.sub(rb"/Size [0-9]+", b"/Size %d" % (len(places) + 1), trailer)
    out += b"trailer\n<<%s>>\nstartxref\n%d\n%%%%EOF" % (trailer, start)
    return bytes(out)
