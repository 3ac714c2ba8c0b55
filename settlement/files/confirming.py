"""What bank files say of our instructions: matched by id, amount and currency, and what differs said in both sides' words.

Pure. What is booked confirms; what is rejected or returned carries the bank's reason; what differs in anything blocks all of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from settlement.files.bankfile import BankFile, Booking, Detail, Direction, Entry, Statement, plain
from settlement.files.parties import Account
from settlement.files.payments import Instruction

REJECTED = frozenset({"RJCT", "CANC"})
SETTLED = frozenset({"ACSC", "ACCC"})
RETURNED = "returned"  # where the bank gives no reason for a return


class Said(StrEnum):
    """What a file can say of a payment."""

    BOOKED = "booked"
    RETURNED = "returned"
    PENDING = "pending"
    REJECTED = "rejected"


class State(StrEnum):
    """What is known of an instruction."""

    CONFIRMED = "confirmed"
    """Booked once, as it was instructed."""
    REJECTED = "rejected"
    """Not executed, or returned after it was; the reason is the bank's."""
    PENDING = "pending"
    """Accepted or announced, not booked."""
    DIFFERS = "differs"
    """The bank says something else than was instructed. Blocks."""
    SILENT = "silent"
    """No file speaks of it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one file says of one payment. Amount, direction and account are None where the file says none."""

    id: str
    said: Said
    source: str
    version: str
    reason: str
    amount: int | None = None
    currency: str = ""
    direction: Direction | None = None
    account: Account | None = None
    booked_on: date | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as instructed: amount, currency, direction, account, booked_on, doubled or status."""

    what: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one instruction, by which files."""

    id: str
    state: State
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The result: one outcome for each instruction, in their order; `unknown` is what the files say of payments that are not ours."""

    outcomes: tuple[Outcome, ...]
    unknown: tuple[Claim, ...]
    findings: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def blocked(self) -> bool:
        """Whether nothing may be finalised by these files: something differs, or a file does not hold by itself."""
        return bool(self.findings) or any(each.state is State.DIFFERS for each in self.outcomes)


def match(
    instructions: Sequence[Instruction],
    files: Iterable[BankFile],
    sent: Mapping[str, Sequence[str]] | None = None,
    since: date | None = None,
) -> Match:
    """What these files say of these instructions.

    `sent` is what `payments.sent` answered for the messages that went out: it tells for which instructions the bank speaks when it
    rejects a whole message or batch. The same file twice has one effect; a file with findings confirms nothing. What was booked before
    the day `since`, on which the instructions were made, cannot be of them: it differs.
    """
    kept, repeated, findings = _once(files)
    claims: dict[str, list[Claim]] = {each.id: [] for each in instructions}
    unknown: list[Claim] = []
    for claim in (claim for mark, file in kept.items() for claim in _claims(mark, file, sent or {})):
        claims.get(claim.id, unknown).append(claim)
    outcomes = tuple(_outcome(each, claims[each.id], since) for each in instructions)
    return Match(outcomes, tuple(unknown), findings, repeated)


def to_come(file: BankFile, today: date) -> tuple[str, ...]:
    """What of a file no bank can say yet: entries that it calls booked, on a day after today."""
    return tuple(
        f"statement {statement.id}: entry {place} is booked on {entry.booking_date}, which is to come"
        for statement in file.statements
        for place, entry in enumerate(statement.entries, 1)
        if entry.booking is Booking.BOOKED and entry.booking_date is not None and entry.booking_date > today
    )


def _once(files: Iterable[BankFile]) -> tuple[dict[str, BankFile], tuple[str, ...], tuple[str, ...]]:
    """Each file and each statement once, by fingerprint; the files of which something came again; what does not hold of any.

    A bank may send a statement again in a message of another id: then it is the statement that came twice.
    """
    known: dict[str, BankFile] = {}
    told: dict[tuple[str, ...], Statement] = {}
    kept: dict[str, BankFile] = {}
    repeated: list[str] = []
    findings: list[str] = []
    for file in files:
        mark = file.fingerprint
        first = known.setdefault(mark, file)
        if first is not file and first.content == file.content:
            repeated.append(mark)
        elif first is not file:
            findings.append(f"message {file.message_id} came twice and does not say the same")
        elif file.findings:
            findings += file.findings
        else:
            again = [each for each in file.statements if told.setdefault(_name(file, each), each) is not each]
            other = [each.id for each in again if told[_name(file, each)] != each]
            findings += [f"statement {name} came twice and does not say the same" for name in other]
            repeated += [mark] if again else []
            kept[mark] = replace(file, statements=tuple(each for each in file.statements if each not in again))
    return kept, tuple(repeated), tuple(findings)


def _name(file: BankFile, statement: Statement) -> tuple[str, ...]:
    return (file.version, statement.account.id, statement.id, statement.sequence)


# --- what the files say


def _claims(mark: str, file: BankFile, sent: Mapping[str, Sequence[str]]) -> Iterator[Claim]:
    for statement in file.statements:
        for entry in statement.entries:
            if entry.booking is not Booking.INFORMATION:
                yield from _of_entry(mark, file.version, statement.account, entry)
    for status in file.statuses:
        rejected = status.word in REJECTED
        said, reason = (Said.REJECTED, status.reason or status.word) if rejected else (Said.PENDING, status.word)
        for name in sent.get(status.name, [status.name]) if status.whole else [status.name]:
            yield Claim(name, said, mark, file.version, reason, status.amount, status.currency)


def _of_entry(mark: str, version: str, account: Account, entry: Entry) -> Iterator[Claim]:
    """One claim for each payment of an entry; one without an id for an entry that tells none, such as the bank's own charges."""
    whole = Detail("", entry.amount, entry.currency, entry.direction, entry.reversal, "")
    for detail in entry.details or (whole,):
        said = Said.RETURNED if detail.returned else Said.BOOKED
        yield Claim(
            detail.end_to_end_id,
            said if entry.booking is Booking.BOOKED else Said.PENDING,
            mark,
            version,
            (detail.reason or RETURNED) if detail.returned else "",
            detail.amount,
            detail.currency,
            detail.direction,
            account,
            entry.booking_date if entry.booking is Booking.BOOKED else None,
        )


# --- what that means for an instruction


def _outcome(instruction: Instruction, claims: Sequence[Claim], since: date | None) -> Outcome:
    sources = tuple(dict.fromkeys(claim.source for claim in claims))
    differences = [each for claim in claims for each in _differences(instruction, claim, since)]
    differences += _together(claims)
    if differences:
        return Outcome(instruction.id, State.DIFFERS, "", tuple(dict.fromkeys(differences)), sources)
    for said, state in (
        (Said.RETURNED, State.REJECTED),
        (Said.REJECTED, State.REJECTED),
        (Said.BOOKED, State.CONFIRMED),
        (Said.PENDING, State.PENDING),
    ):
        found = [claim for claim in claims if claim.said is said]
        if found:
            return Outcome(
                instruction.id, state, found[-1].reason, (), sources
            )  # what is said last is nearest to the payment
    return Outcome(instruction.id, State.SILENT)


def _differences(instruction: Instruction, claim: Claim, since: date | None) -> Iterator[Difference]:
    """What one claim says else than was instructed. Only an entry must say all; an answer may leave amounts out."""
    ours, accounts = plain(instruction.micros), (instruction.payer.account, instruction.payee.account)
    if claim.account is not None and claim.amount is None:
        yield Difference("amount", ours, "not said")
    if claim.amount is not None and claim.amount != instruction.micros:
        yield Difference("amount", ours, plain(claim.amount))
    if claim.currency and claim.currency != instruction.currency:
        yield Difference("currency", instruction.currency, claim.currency)
    if since is not None and claim.booked_on is not None and claim.booked_on < since:
        yield Difference("booked_on", f"{since} or later", f"{claim.booked_on}")
    if claim.account is None:
        return
    if None not in accounts and claim.account not in accounts:
        yield Difference("account", " or ".join(each.id for each in accounts if each), claim.account.id)
        return
    came = claim.account == instruction.payee.account
    back = bool(claim.reason)  # what an entry says has a reason only when it is a return, booked or not
    expected = Direction.CREDIT if came != back else Direction.DEBIT
    if claim.direction is not expected:
        yield Difference("direction", expected, claim.direction or "not said")


def _together(claims: Sequence[Claim]) -> Iterator[Difference]:
    """What claims say against each other. A notification and the statement after it tell the same booking: each kind counts alone."""
    times = Counter((claim.account, claim.version, claim.said) for claim in claims)
    for (_, version, said), count in times.items():
        if count > 1 and said in {Said.BOOKED, Said.RETURNED}:
            yield Difference("doubled", "1", f"{count} {said} in {version}")
    words = {claim.said for claim in claims}
    settled = Said.BOOKED in words or any(claim.account is None and claim.reason in SETTLED for claim in claims)
    if Said.REJECTED in words and settled and Said.RETURNED not in words:
        yield Difference("status", "one end", "rejected and settled")
