"""What commands work on: ledger and lake as the environment names them, and the models that there are."""

from collections.abc import Sequence

from titlebout.connection_fields import environment_connection
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.layout import version_folder, version_manifest
from titlebout.core.ledgers.ledger_port import LedgerUpkeep
from titlebout.core.ports import Lake, Ledger
from titlebout.wiring import build_lake, build_ledger


def open_ledger() -> LedgerUpkeep:
    """Open the ledger that the environment names."""
    return build_ledger(environment_connection("titlebout_ledger"))


def open_lake() -> Lake:
    """Open the lake that the environment names."""
    return build_lake(environment_connection("titlebout_lake"))


def known_model(ledger: Ledger, name: str) -> str:
    """Return the name of a model that the ledger knows.

    Raises:
        SpecError: It does not.
    """
    known = ledger.models()
    if name not in known:
        message = f"the ledger knows no model {name[:80]!r}; {did_you_mean(name, known)}"
        raise SpecError(message)
    return name


def trained_version(lake: Lake, model: str, version: str) -> str:
    """Return the name of a version that the lake holds.

    Raises:
        SpecError: It holds none of that name.
    """
    if not lake.has(version_manifest(model, version)):
        folder = version_folder(model, "")
        known = dict.fromkeys(path.removeprefix(folder).partition("/")[0] for path in lake.list_paths(folder))
        message = f"{model} has no version {version[:80]!r}; {did_you_mean(version, known)}"
        raise SpecError(message)
    return version


def known_models(ledger: Ledger, names: Sequence[str]) -> Sequence[str]:
    """Return the models that are asked for, or all."""
    return [known_model(ledger, name) for name in names] or ledger.models()
