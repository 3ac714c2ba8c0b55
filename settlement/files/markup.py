"""XML from outside, read so that it can do nothing but be read: no DOCTYPE, no entity, no network, bounded in every direction."""

import re
from io import BytesIO

from lxml import etree

from clearing import errors

SIZE_MAX = 32 * 1024 * 1024
DEPTH_MAX = 32  # a statement's deepest field is at 15
ELEMENTS_MAX = 1_000_000
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"

_ENCODING = re.compile(r"\ufeff?<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def document(body: bytes) -> tuple[str, etree._Element]:
    """The message's version, such as camt.053.001.08, and what its Document holds.

    1. the size; 2. UTF-8 without NUL, also by its own word; 3. no DOCTYPE; 4. well-formed, not too deep, not too many elements;
    5. one message in a Document of ISO 20022. Raises errors.BodyTooLarge or errors.RequestMalformed; no message repeats what was sent.
    """
    if len(body) > SIZE_MAX:  # 1
        raise errors.BodyTooLarge(f"a bank's file has at most {SIZE_MAX:,} bytes")
    try:
        text = body.decode("utf-8")  # 2
    except UnicodeDecodeError:
        raise errors.RequestMalformed("the file is not UTF-8") from None
    if "\0" in text:  # UTF-16 of plain letters is UTF-8 too, with a NUL at every other place
        raise errors.RequestMalformed("the file is not UTF-8")
    declared = _ENCODING.match(text)
    if declared and declared[1].lower() not in {"utf-8", "us-ascii"}:
        raise errors.RequestMalformed("the file calls itself something else than UTF-8")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # 3
        raise errors.RequestMalformed("the file has a DOCTYPE; no bank's file has one")
    root = _parsed(body)  # 4
    inner = list(root)
    namespace, _, name = str(root.tag)[1:].rpartition("}")
    if not namespace.startswith(NAMESPACE) or name != "Document" or len(inner) != 1:  # 5
        raise errors.RequestMalformed("the file is not one message of ISO 20022")
    return namespace.removeprefix(NAMESPACE), inner[0]


def _parsed(body: bytes) -> etree._Element:
    depth = count = 0
    try:
        events = etree.iterparse(
            BytesIO(body),
            events=("start", "end"),
            load_dtd=False,
            no_network=True,
            resolve_entities=False,
            huge_tree=False,
            remove_comments=True,  # a comment inside a number would hide the rest of it
            remove_pis=True,
            encoding="UTF-8",  # what was checked above is what is read
        )
        for event, _ in events:
            depth += 1 if event == "start" else -1
            count += event == "start"
            if depth > DEPTH_MAX or count > ELEMENTS_MAX:
                raise errors.RequestMalformed(
                    f"the file is nested deeper than {DEPTH_MAX}, or larger than any statement"
                )
    except etree.XMLSyntaxError as fault:
        raise errors.RequestMalformed(f"the file is not well-formed XML, line {fault.lineno}") from None
    root: etree._Element = events.root
    return root


def every(parent: etree._Element, name: str) -> list[etree._Element]:
    """The elements of this name right below, in their order."""
    return parent.findall(f"{{{etree.QName(parent).namespace}}}{name}")


def maybe(parent: etree._Element, path: str) -> etree._Element | None:
    """The one element at this path, or None. Raises errors.ValidationFailed where a step is there twice."""
    found: etree._Element | None = parent
    for name in path.split("/"):
        here = every(found, name) if found is not None else []
        if len(here) > 1:
            raise errors.ValidationFailed(f"{path}: {name} is there {len(here)} times")
        found = here[0] if here else None
    return found


def one(parent: etree._Element, path: str) -> etree._Element:
    """The one element at this path. Raises errors.ValidationFailed where it is missing or there twice."""
    found = maybe(parent, path)
    if found is None:
        raise errors.ValidationFailed(f"{path} is missing in {etree.QName(parent).localname}")
    return found


def words(leaf: etree._Element) -> str:
    """The text of an element without elements, white space at its ends left out. Raises errors.ValidationFailed."""
    if len(leaf):
        raise errors.ValidationFailed(f"{etree.QName(leaf).localname} holds elements where it should hold text")
    return (leaf.text or "").strip()


def text(parent: etree._Element, path: str) -> str:
    """The text at this path. Raises errors.ValidationFailed where there is none."""
    found = words(one(parent, path))
    if not found:
        raise errors.ValidationFailed(f"{path} is empty in {etree.QName(parent).localname}")
    return found


def maybe_text(parent: etree._Element, *paths: str) -> str:
    """The text at the first of these paths that is there; empty where none is."""
    for path in paths:
        found = maybe(parent, path)
        if found is not None:
            return words(found)
    return ""
