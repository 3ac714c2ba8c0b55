"""The settlement run: sealed windows read, netted, approved by two keys, frozen, paid and confirmed; each step may be done again.

Every step is one function. What it decides, one statement decides, by a condition: a run moves on only from the state that the step
expects, what a bank says is written only in the turn in which the run was read, interest only from the day up to which it was known. So of
two that do the same at once one has the effect and the other reads again or is told so, and no row is held for its own sake but
the one behind which runs bill one after the other (decision 0011). After a crash the same call goes on where it stopped.
"""

from settlement.run.auditing import unsound
from settlement.run.banking import Message, again, chosen, message, party_of
from settlement.run.confirming import Confirmation, Confirmed, confirm
from settlement.run.late import Accrued, accrued, overdue
from settlement.run.paying import carry_on
from settlement.run.reading import Wanted, of_another_unit, read_inputs
from settlement.run.steps import abort, approve, draft, freeze, is_instruction_id
from settlement.run.store import (
    DIRECT,
    Connection,
    Event,
    InstructionRow,
    Listed,
    RunRow,
    Step,
    events,
    instructions,
    payment_of,
    payments_of,
    run_of,
    runs,
    unsettled,
)
from settlement.run.taking import take
from settlement.run.unready import Sent, Unready, sent_by, unready

__all__ = [
    "DIRECT",
    "Accrued",
    "Confirmation",
    "Confirmed",
    "Connection",
    "Event",
    "InstructionRow",
    "Listed",
    "Message",
    "RunRow",
    "Sent",
    "Step",
    "Unready",
    "Wanted",
    "abort",
    "accrued",
    "again",
    "approve",
    "carry_on",
    "chosen",
    "confirm",
    "draft",
    "events",
    "freeze",
    "instructions",
    "is_instruction_id",
    "message",
    "of_another_unit",
    "overdue",
    "party_of",
    "payment_of",
    "payments_of",
    "read_inputs",
    "run_of",
    "runs",
    "sent_by",
    "take",
    "unready",
    "unsettled",
    "unsound",
]
