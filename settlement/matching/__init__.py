"""Reconciliation: a partner's book taken, compared with ours pass by pass, and every break followed to its end."""

from settlement.matching.books import (
    RESULTS_MAX,
    Acknowledgement,
    LineEnd,
    LineResult,
    TakenBook,
    book_of,
    receive,
    results_of,
)
from settlement.matching.breaks import (
    BreakView,
    Post,
    Said,
    Step,
    act_due,
    break_of,
    breaks,
    evidence_of,
    resolve,
    steps_of,
)
from settlement.matching.runs import Summary, match

__all__ = [
    "RESULTS_MAX",
    "Acknowledgement",
    "BreakView",
    "LineEnd",
    "LineResult",
    "Post",
    "Said",
    "Step",
    "Summary",
    "TakenBook",
    "act_due",
    "book_of",
    "break_of",
    "breaks",
    "evidence_of",
    "match",
    "receive",
    "resolve",
    "results_of",
    "steps_of",
]
