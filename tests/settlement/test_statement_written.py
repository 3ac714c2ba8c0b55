"""How lines are written and sealed fast is how they are written and sealed plainly, byte by byte; and sums are those of the lines."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules import merkle
from clearing.rules.units import AMOUNT_MAX
from clearing.signatures import encode
from settlement.reports import jsonl, reopened, seal
from settlement.reports.seal import root_of, unsigned
from settlement.rules.statement import Party, Period, Statement, state
from settlement.rules.statement_lines import (
    CELLS,
    COLUMNS,
    MONEY,
    POINTS,
    WRITTEN,
    Line,
    LineKind,
    StatementError,
    canonical,
    cells,
    record,
)
from tests.settlement.made import HOUSE_KEY, a_statement

OPENS, CLOSES = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20).filter(
    lambda text: text.isprintable() and text.strip() == text and text[:1] not in set("=+-@")
)
AMOUNTS = st.one_of(st.just(0), st.integers(0, 10**7), st.integers(0, AMOUNT_MAX))
SIGNED = st.one_of(st.just(0), st.integers(-(10**7), 10**7), st.integers(-AMOUNT_MAX, AMOUNT_MAX))
LINES = st.builds(
    Line,
    st.sampled_from(LineKind),
    st.integers(0, 7 * 86_400 * 10**6 - 1).map(lambda micros: OPENS + timedelta(microseconds=micros)),
    st.sampled_from(["house", "lotus-air", "corner"]),
    AMOUNTS,
    AMOUNTS,
    SIGNED,
    SIGNED,
    AMOUNTS,
    AMOUNTS,
    TEXTS,
    TEXTS,
)


def stated(lines: list[Line]) -> Statement:
    parties = [Party(one, one.title()) for one in ("house", "lotus-air", "corner")]
    period, net = Period("W-2026-47", OPENS, CLOSES), sum(line.net for line in lines)
    return state(
        reference="W-2026-47.1-palm",
        partner=Party("palm", "Palm"),
        counterparties=parties,
        periods=(period,),
        currency="EUR",
        digits=6,
        made_at=CLOSES,
        opening=0,
        lines=lines,
        net=net,
    )


@given(LINES, st.integers(1, 10**7))
def test_cells_put_together_are_the_canonical_bytes_of_the_record(line: Line, number: int) -> None:
    said = record(line, number)
    assert (WRITTEN % cells(line, number)).encode() == canonical(said)
    assert dict(zip(CELLS, cells(line, number), strict=True)) == {
        name: canonical(said[name]).decode() for name in COLUMNS
    }


@given(st.lists(LINES, max_size=12))
def test_columns_and_root_are_those_of_the_records(lines: list[Line]) -> None:
    made = unsigned(stated(lines), "key")
    records = [record(line, number) for number, line in enumerate(made.statement.lines, 1)]
    assert list(made.records) == [canonical(one) for one in records]
    frontier: list[bytes] = []
    for size, one in enumerate(made.records):
        merkle.append(frontier, size, merkle.leaf_hash(one))
    wanted: dict[str, Any] = {"root": encode(merkle.root(frontier)), "key": "key", "column_hashes": {}}
    for name in COLUMNS:
        column = b"".join(canonical(one[name]) + b"\n" for one in records)
        wanted["column_hashes"][name] = encode(sha256(column).digest())
    header = jsonl.read(made.header + b"\n").header or b""
    assert all(canonical({name: value})[1:-1] in header for name, value in wanted.items())


@pytest.mark.parametrize("size", [*range(18), 4_095, 4_096, 4_097])
def test_the_root_of_level_by_level_is_that_of_one_by_one(size: int) -> None:
    leaves = [sha256(b"%d" % number).digest() for number in range(size)]
    frontier: list[bytes] = []
    for place, leaf in enumerate(leaves):
        merkle.append(frontier, place, leaf)
    assert root_of(leaves) == merkle.root(frontier)


@given(st.lists(LINES, max_size=12))
def test_totals_are_those_of_the_lines_one_by_one(lines: list[Line]) -> None:
    figures = stated(lines).figures
    for total, own in [
        (figures.total, lines),
        *((one, [line for line in lines if line.counterparty == one.name]) for one in figures.by_counterparty),
        *((one, [line for line in lines if line.kind.value == one.name]) for one in figures.by_kind),
    ]:
        assert total.lines == len(own)
        for name in (*POINTS, *MONEY, "net"):
            assert getattr(total, name) == sum(getattr(line, name) for line in own)
    assert [one.name for one in figures.by_counterparty] == sorted({line.counterparty for line in lines})
    assert [one.name for one in figures.by_kind] == sorted({line.kind.value for line in lines})


def test_lines_out_of_order_are_no_statement() -> None:
    made = a_statement()
    fields = {name: getattr(made, name) for name in Statement.__dataclass_fields__ if name != "worked_out"}
    with pytest.raises(StatementError, match="by counterparty, then by time"):
        Statement(**fields | {"lines": made.lines[::-1]})


def test_kept_evidence_is_opened_as_it_was_sealed() -> None:
    sealed = seal(a_statement(40, converted=True), HOUSE_KEY)
    data = jsonl.write(sealed)
    assert reopened(data) == sealed
    with pytest.raises(ValueError, match="not what was sealed"):
        reopened(data.replace(b'"line":7,', b'"line":7 ,'))
