"""What commands work on: ledger and lake, of the environment or in a scratch folder, and the models that there are."""

from collections.abc import Sequence
from pathlib import Path

from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.errors import SpecError, did_you_mean
from titlebout.core.layout import version_folder, version_manifest
from titlebout.core.ledgers.ledger_port import LedgerUpkeep
from titlebout.core.ports import Lake, Ledger
from titlebout.wiring import build_lake, build_ledger


def open_ledger(scratch: Path | None = None) -> LedgerUpkeep:
    """Open the ledger that the environment names, or that of a scratch folder."""
    return build_ledger(stored_connection("titlebout_ledger", scratch))


def open_lake(scratch: Path | None = None) -> Lake:
    """Open the lake that the environment names, or that of a scratch folder."""
    return build_lake(stored_connection("titlebout_lake", scratch))


def stored_connection(conn_id: str, scratch: Path | None) -> ConnectionFields:
    """Look a connection up: the stores in the scratch folder, if there is one, all others in the environment."""
    if scratch is None:
        return environment_connection(conn_id)
    folder = scratch.resolve()
    stores = {
        "titlebout_lake": ConnectionFields(conn_id, extra={"root_uri": (folder / "lake").as_uri()}),
        "titlebout_ledger": ConnectionFields(conn_id, conn_type="sqlite", host=str(folder / "ledger.sqlite")),
        "titlebout_mlflow": ConnectionFields(conn_id, extra={"tracking_uri": f"sqlite:///{folder / 'mlflow.sqlite'}"}),
    }
    return stores.get(conn_id) or environment_connection(conn_id)


def filled_scratch(scratch: Path | None) -> Path | None:
    """Return a scratch folder that nights have run in, or None where none is asked for.

    Raises:
        SpecError: No night has run in it.
    """
    if scratch and not (scratch / "ledger.sqlite").is_file():
        message = f"--scratch {scratch}: no night has run there; give the folder that titlebout run had"
        raise SpecError(message)
    return scratch


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
