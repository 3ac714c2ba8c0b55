"""Reconciliation: a partner's book taken, compared with ours pass by pass, and every break followed to its end."""

from settlement.matching.books import Acknowledgement, TakenBook, book_of, receive, results_of
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
    "Acknowledgement",
    "BreakView",
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
