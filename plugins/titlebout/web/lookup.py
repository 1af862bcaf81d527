"""Finds in the ledger and in the lake what the pages show."""

import json
from collections.abc import Collection

from titlebout.core.deliveries import DELIVERY_KINDS, Delivery, deliveries
from titlebout.core.errors import TitleboutError
from titlebout.core.ledgers.model_summary import ModelSummary
from titlebout.core.pages.report_page import History, ReportSource
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey
from titlebout.core.specs.spec import nightly_dag_of


def readable_models(
    ledger: Ledger, specified: Collection[str], readable: Collection[str]
) -> dict[str, ModelSummary | None]:
    """Sum up the models with a spec or with a past, as far as their nightly DAG is among the readable ones."""
    known = {summary.model: summary for summary in ledger.overview()}
    names = sorted({*known, *specified})
    return {name: known.get(name) for name in names if nightly_dag_of(name) in readable}


def find_history(ledger: Ledger, model: str) -> History:
    """Return every delivery of every partition of a model."""
    return deliveries(ledger.entries(model, kinds=DELIVERY_KINDS))


def find_delivery(history: History, key: PartitionKey, revision: int | None) -> Delivery | None:
    """Return a revision of a partition; the newest where none is asked for."""
    revisions = [each for each in history.get(key, ()) if revision in (None, each.snapshot.revision)]
    return revisions[-1] if revisions else None


def find_report(ledger: Ledger, lake: Lake, model: str, key: PartitionKey, revision: int | None) -> ReportSource | None:
    """Collect what the report page shows; None where there is no such partition or revision.

    A report that the lake lost or changed does not hide what the ledger knows: the page then says what is wrong.
    """
    history = find_history(ledger, model)
    delivery = find_delivery(history, key, revision)
    if delivery is None:
        return None
    try:
        content = report_bytes(lake, delivery)
        document = json.loads(content) if content else None
    except TitleboutError as error:
        return ReportSource(history, delivery, problem=str(error))
    except ValueError:
        return ReportSource(history, delivery, problem="the report in the lake is no JSON")
    return ReportSource(history, delivery, document if isinstance(document, dict) else None)


def report_bytes(lake: Lake, delivery: Delivery) -> bytes | None:
    """Return the validation report as it lies in the lake, checked against the hash in the ledger; None: not judged.

    Raises:
        ObjectMissingError: The lake lost it.
        CorruptObjectError: It has changed since it was written.
        UnavailableError: The lake does not answer.
    """
    if delivery.judgement is None:
        return None
    judged = delivery.judgement.payload
    return lake.read(str(judged["report_path"]), sha256=str(judged["report_sha256"]))
