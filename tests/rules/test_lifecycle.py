"""Laws of the lifecycle tables: everything reachable, ends without a way out, no order whose answer cannot be heard."""

from itertools import product
from pathlib import Path as File

import pytest

from clearing.rules.lifecycle import (
    CAPTURE,
    DEBIT_ANYWAY,
    RELEASE_IN_TIME,
    STEPS,
    TERMINAL,
    TRANSITIONS,
    UNDOES,
    Event,
    IllegalEventError,
    Leg,
    Operation,
    Path,
    Side,
    State,
    Verdict,
    after,
    diagram,
    event_of,
    order_id,
)

PATHS = pytest.mark.parametrize("path", list(Path))
DOCUMENT = File(__file__).parents[2] / "docs" / "lifecycle.md"


def reachable(path: Path) -> set[State]:
    seen, todo = {State.RESERVED}, [State.RESERVED]
    while todo:
        for state in TRANSITIONS[path].get(todo.pop(), {}).values():
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen


@PATHS
def test_every_state_of_a_path_is_reachable_and_no_other_is_named(path: Path) -> None:
    assert reachable(path) == TRANSITIONS[path].keys() | TERMINAL


@PATHS
def test_an_end_has_no_way_out_and_everything_else_reaches_one(path: Path) -> None:
    table = TRANSITIONS[path]
    assert not TERMINAL & table.keys()
    ending = set(TERMINAL)
    for _ in State:
        ending |= {state for state, row in table.items() if ending & set(row.values())}
    assert ending >= reachable(path)


@pytest.mark.parametrize(("path", "state", "event"), list(product(Path, State, Event)))
def test_an_illegal_event_is_refused_and_a_legal_one_leads_on(path: Path, state: State, event: Event) -> None:
    leads_to = TRANSITIONS[path].get(state, {}).get(event)
    if leads_to is None:
        with pytest.raises(IllegalEventError, match=f"{event} cannot happen to a {path} exchange that is {state}"):
            after(path, state, event)
    else:
        assert after(path, state, event) is leads_to


@PATHS
def test_a_state_accepts_every_answer_to_the_order_it_sends(path: Path) -> None:
    for (of, state), step in STEPS.items():
        if of is path:
            for verdict in set(Verdict) - {Verdict.PENDING}:
                event = event_of(step.leg, verdict)
                assert event in TRANSITIONS[path][state]
                assert event in TRANSITIONS[path][State.UNKNOWN]
                assert event in TRANSITIONS[path][State.REVIEW]


@PATHS
def test_every_state_either_sends_or_ends_or_waits_for_what_was_sent(path: Path) -> None:
    sending = {state for of, state in STEPS if of is path}
    waiting = (
        {State.SOURCE_HELD} if path is Path.AUTHORISED else set()
    )  # for the partner's word, with a release due in time
    assert reachable(path) - sending == TERMINAL | {State.UNKNOWN, State.REVIEW} | waiting


def test_an_authorisation_hears_the_capture_the_word_and_the_release_in_time() -> None:
    for step in (CAPTURE, RELEASE_IN_TIME):
        events = {event_of(step.leg, verdict) for verdict in Verdict} - {None}
        assert events <= TRANSITIONS[Path.AUTHORISED][State.SOURCE_HELD].keys()
    assert after(Path.AUTHORISED, State.SOURCE_HELD, Event.WITHDRAWN) is State.RELEASING


def test_every_path_is_undone_by_one_that_undoes_nothing_else_twice() -> None:
    assert UNDOES.keys() | set(UNDOES.values()) == set(Path)
    assert not UNDOES.keys() & set(UNDOES.values())


def test_the_debit_after_a_declined_capture_is_heard_too() -> None:
    events = {event_of(DEBIT_ANYWAY.leg, verdict) for verdict in Verdict} - {None}
    assert events <= TRANSITIONS[Path.HELD][State.CREDITED].keys()
    assert after(Path.HELD, State.CREDITED, Event.LOST) is State.REVIEW


@PATHS
def test_doubt_never_ends_an_exchange(path: Path) -> None:
    for row in TRANSITIONS[path].values():
        assert row.get(Event.UNSURE, State.UNKNOWN) is State.UNKNOWN
        assert row.get(Event.GIVEN_UP, State.REVIEW) is State.REVIEW


@pytest.mark.parametrize("leg", list(Leg))
def test_absence_is_not_proof_and_pending_is_nothing_yet(leg: Leg) -> None:
    assert event_of(leg, Verdict.NOT_FOUND) is event_of(leg, Verdict.UNKNOWN) is Event.UNSURE
    assert event_of(leg, Verdict.PENDING) is None
    assert event_of(leg, Verdict.DIFFERS) is Event.GIVEN_UP


def test_what_is_given_back_refers_to_what_was_taken() -> None:
    for (path, _), step in [
        *STEPS.items(),
        ((Path.AUTHORISED, None), CAPTURE),
        ((Path.AUTHORISED, None), RELEASE_IN_TIME),
    ]:
        undoing = step.operation in {Operation.CAPTURE, Operation.RELEASE, Operation.REVERSE}
        assert (step.refers is not None) == undoing
        assert step.side is (Side.TARGET if (step.leg is Leg.GIVE) != (path in UNDOES.values()) else Side.SOURCE)


def test_an_order_has_one_id_for_each_leg() -> None:
    assert order_id("ab", Leg.GIVE) == order_id("ab", 2) == "ab-2"
    assert len({order_id(name, leg) for name in ("a", "b") for leg in Leg}) == 2 * len(Leg)


def test_the_committed_diagrams_are_the_tables() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    drawn = [block.split("\n```", 1)[0] for block in text.split("```mermaid\n")[1:]]
    assert drawn == [diagram(path).rstrip("\n") for path in Path]
