"""The crash harness: the house dies at every named step, twice in a row, against every fault of the programs, and nothing is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stories import broken, crash
from tests.stories.crash import Ended, Fall
from tests.stories.far_sides import World

STREAMS = 4  # most of a scenario is waiting for leases to lapse
REPORT = Path(__file__).with_name("crash_report.txt")
ANY_HITS = 20  # what a dry run would count, more or less
MANY_HITS = 60
TRIES = 6  # where a life falls is not the same instant every time
SEEDED = {
    "silence_is_a_decline": Fall("held", "deliver.sent", "first", "target"),
    "every_attempt_is_a_new_order": Fall("held", "lane.locked", "middle", "target"),
    "absence_is_proof": Fall("kiosk", "deliver.sent", "middle", "target"),
    "sent_before_it_is_reserved": Fall("held", "reserve.decided", "first", "source"),
    "answers_move_whatever_the_state": Fall("debited", "deliver.heard", "middle", "target", zombie=True),
    "any_amount_is_accepted": Fall("held", "deliver.recorded", "first", "source"),
    "taken_over_is_sent_again": Fall("kiosk", "deliver.heard", "middle", "source"),
    "the_number_is_kept_for_convenience": Fall("debited", "reserve.written", "first", "source"),
}


def _streams(new_world: Callable[[], World], falls: list[Fall], hits: dict[str, int]) -> list[Ended]:
    """All of these, side by side, each stream in a world of its own."""
    worlds = [new_world() for _ in range(STREAMS)]

    def stream(place: int) -> list[Ended]:
        return [
            crash.scenario(worlds[place], number * STREAMS + place, fall, hits.get(fall.step, ANY_HITS))
            for number, fall in enumerate(falls[place::STREAMS])
        ]

    with ThreadPoolExecutor(STREAMS) as pool:
        return [one for ended in pool.map(stream, range(STREAMS)) for one in ended]


def _nothing_is_lost(name: str, ended: list[Ended]) -> None:
    """Nothing was found, and what was counted meanwhile is what the report says: no scenario, step or exchange was left out."""
    assert [line for one in ended for line in one.violations] == []
    assert crash.line(name, crash.counted(ended)) in REPORT.read_text().splitlines()


@pytest.mark.parametrize("kind", crash.STEPS)
def test_a_house_that_dies_twice_at_any_step_loses_and_doubles_nothing(
    kind: str, new_world: Callable[[], World]
) -> None:
    passed = crash.dry_run(new_world(), kind)
    assert set(passed) == set(crash.STEPS[kind]), "a step was named or dropped: say so in STEPS"
    _nothing_is_lost(kind, _streams(new_world, crash.falls(kind), passed))


def test_a_house_that_wakes_when_another_has_done_its_work_loses_and_doubles_nothing(
    new_world: Callable[[], World],
) -> None:
    _nothing_is_lost("zombies", _streams(new_world, crash.zombies(), {}))


@pytest.mark.parametrize("bug", broken.BUGS)
def test_the_harness_finds_a_seeded_design_bug(bug: str, new_world: Callable[[], World]) -> None:
    world = new_world()
    assert any(crash.scenario(world, number, SEEDED[bug], MANY_HITS, bug).violations for number in range(TRIES))


def test_the_report_is_the_plan() -> None:
    assert REPORT.read_text() == crash.report()
