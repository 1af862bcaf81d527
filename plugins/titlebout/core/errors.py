"""Every error that Titlebout raises on purpose.

    TitleboutError
    ├── SpecError                  a model spec or a suite is wrong: file, key, what was found, nearest valid
    │   └── SuiteNotFoundError     the spec names a suite that `expectations/` does not hold
    ├── ConnectionSettingsError    a connection is not defined, or lacks or misspells a field
    ├── PartitionKeyError          a run has no partition key, or one that is malformed or not over yet
    ├── PartitionMissingError      the source holds nothing for this key (not there yet, or gone)
    │   └── PartitionLateError     it was waited for until its deadline
    ├── PartitionUnreadableError   the source's bytes cannot be read as what the spec declares
    │   └── PartitionEmptyError    it is there and has no rows
    ├── PartitionRejectedError     expectations failed: the snapshot waits in quarantine
    ├── DecisionRefusedError       what a person decides does not fit where a partition or a version stands
    ├── FieldError                 a field of a row is unknown, missing, or holds what its type does not allow
    ├── NotEnoughPartitionsError   too few accepted partitions to train or to judge
    ├── NobodyServedError          no version served at the moment that was asked about
    ├── ObjectMissingError         the lake does not hold an object that something names
    ├── CorruptObjectError         stored bytes do not match the SHA-256 that names them
    ├── LakePathError              a path that leaves the lake or that not every store could hold
    ├── LakeConflictError          other bytes already stand at an immutable path
    ├── LedgerConflictError        the ledger moved on since it was read (compare-and-set lost)
    ├── LedgerTamperedError        the hash chain of the ledger is broken
    ├── LedgerClockError           the last entry is dated more than a day ahead of this machine's clock
    ├── LedgerPayloadError         what was to be recorded is no JSON, incomplete or too large
    ├── DeploymentError            the release did not prove itself; the old champion serves on
    │   └── StaleTokenError        a newer attempt already holds the right to change what serves
    ├── AccessRefusedError         a store answers and refuses: no such bucket or root, or no right to it
    └── UnavailableError           a store, registry, engine or server did not answer: worth a retry

A *worse challenger* is not an error but a verdict. Messages say what happened, where, and what to do,
in at most `MAX_MESSAGE_CHARACTERS` characters: they travel through logs, alerts and the ledger.
"""

from collections.abc import Iterable, Sequence
from typing import Self

MAX_MESSAGE_CHARACTERS = 500
_TELLING_CHARACTERS = 3


class TitleboutError(Exception):
    """Base of all errors below; catch it to treat every user-facing failure alike."""

    def __init__(self, message: str) -> None:
        super().__init__(bounded(message))


class SpecError(TitleboutError):
    """A model spec or an expectation suite is wrong; the message names file and key."""


class SuiteNotFoundError(SpecError):
    """The spec names an expectation suite that does not exist."""


class ConnectionSettingsError(TitleboutError):
    """A connection is not defined, or one of its fields is missing or wrong; the message names both."""


class PartitionKeyError(TitleboutError):
    """A run carries no usable partition key."""


class PartitionMissingError(TitleboutError):
    """The source holds nothing for this partition key."""


class PartitionLateError(PartitionMissingError):
    """The partition was waited for until its deadline and did not come."""


class PartitionUnreadableError(TitleboutError):
    """What the source delivered is empty, truncated or of another schema than declared."""


class PartitionEmptyError(PartitionUnreadableError):
    """The partition is there and has no rows."""


class PartitionRejectedError(TitleboutError):
    """Critical expectations failed; the snapshot stays in quarantine."""


class DecisionRefusedError(TitleboutError):
    """A person cannot decide this: the partition or version stands elsewhere, or name or reason is missing."""


class FieldError(TitleboutError):
    """A field of a row cannot be scored as it is.

    Attributes:
        field: Name of the field or column.
        problem: What is wrong with it and what to do, without the field's name.
        row: Position in the request, counted from 0; None where a whole column is meant.
    """

    def __init__(self, field: str, problem: str, row: int | None = None) -> None:
        self.field, self.problem, self.row = field, problem, row
        where = "" if row is None else f" of row {row}"
        super().__init__(f"field {field!r}{where} {problem}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, int | None]]:
        """Let the error travel between processes, which would otherwise build it from its message alone."""
        return type(self), (self.field, self.problem, self.row)


class NotEnoughPartitionsError(TitleboutError):
    """The windows hold fewer accepted partitions than the spec asks for."""


class NobodyServedError(TitleboutError):
    """No version served at the moment that was asked about."""


class ObjectMissingError(TitleboutError):
    """The lake does not hold the object at this path."""


class CorruptObjectError(TitleboutError):
    """Stored bytes differ from the SHA-256 that names them; nothing was parsed."""


class LakePathError(TitleboutError):
    """A path in the lake is not made of plain relative parts."""


class LakeConflictError(TitleboutError):
    """An immutable path already holds other bytes."""


class LedgerConflictError(TitleboutError):
    """Another writer appended first; read the ledger again and decide again."""


class LedgerTamperedError(TitleboutError):
    """The ledger's hash chain does not hold."""


class LedgerClockError(TitleboutError):
    """The last entry is dated far ahead of this machine's clock: one of the two is wrong, and a person knows which."""


class LedgerPayloadError(TitleboutError):
    """What a ledger entry was to hold is no JSON, lacks what its kind asks for, or is too large."""


class DeploymentError(TitleboutError):
    """The release failed before it took traffic; what served before still serves."""


class StaleTokenError(DeploymentError):
    """The fencing token is older than one the server or the ledger has already seen."""


class AccessRefusedError(TitleboutError):
    """A store answers and refuses; correct the Airflow connection or the rights, a retry changes nothing."""


class UnavailableError(TitleboutError):
    """A service did not answer in time. The only error that Airflow retries."""


def bounded(message: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Cut a message built from data so that it fits in a log line, an alert and an XCom.

    >>> bounded("abcdef", limit=4)
    'abc…'
    """
    return message if len(message) <= limit else message[: limit - 1] + "…"


def first_few(texts: Sequence[str], most: int) -> str:
    """List texts in a message, the first ones of many.

    >>> first_few(["a", "b", "c"], 2), first_few(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    listed = ", ".join(texts[:most])
    return f"{listed} and {len(texts) - most} more" if len(texts) > most else listed


def did_you_mean(found: str, valid: Iterable[str]) -> str:
    """Offer the nearest valid name, or list a few when none is near.

    >>> did_you_mean("windw_days", ["window_days", "rounds"])
    "did you mean 'window_days'?"
    >>> did_you_mean("2024-06-29", ["2024-06-29-32f393e63b7c", "2024-06-30-2186f409e154"])
    "did you mean '2024-06-29-32f393e63b7c'?"
    """
    import difflib  # a name that is right waits for no look at its neighbours

    choices = sorted(valid)
    if not choices:
        return "there is none yet"
    begun = [choice for choice in choices if len(found) >= _TELLING_CHARACTERS and choice.startswith(found)]
    near = begun or difflib.get_close_matches(found, choices, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"valid: {', '.join(choices[:12])}{', …' if len(choices) > 12 else ''}"
