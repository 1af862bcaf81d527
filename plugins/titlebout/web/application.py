"""The routes below `/titlebout`: GET only, each guarded, all of them plain functions, which run in a thread."""

from dataclasses import replace
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse
from starlette.middleware.base import RequestResponseEndpoint

from titlebout.core.insights.model_card import ModelCard
from titlebout.core.pages.bout_page import bout_page
from titlebout.core.pages.card_markdown import card_markdown
from titlebout.core.pages.card_page import card_page
from titlebout.core.pages.drift_page import drift_page
from titlebout.core.pages.model_pages import Decisions, model_page, models_page
from titlebout.core.pages.page_frame import Place
from titlebout.core.pages.report_page import partition_page
from titlebout.core.pages.split_page import split_page
from titlebout.core.partitions import checked_key
from titlebout.project import model_names
from titlebout.web.access import ReadableDagIds, ReadableModel
from titlebout.web.bout_lookup import account_bytes, find_bout, find_recorded, newest_bouts
from titlebout.web.card_lookup import find_card
from titlebout.web.drift_lookup import find_drift, find_reported, newest_looks, why_no_report
from titlebout.web.lookup import find_delivery, find_history, find_report, readable_models, report_bytes
from titlebout.web.problems import HANDLERS, is_framed, not_found
from titlebout.web.split_lookup import find_split
from titlebout.web.stores import LAKE, LEDGER

HEADERS = {
    # Everything a page shows is in the page: no script, nothing from elsewhere, in no frame but Airflow's own.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

Revision = Annotated[int | None, Query(ge=1, le=1_000_000)]
EntryNumber = Annotated[int | None, Query(ge=1, le=1_000_000_000)]
TrialNumber = Annotated[int, PathParameter(ge=1, le=1_000_000_000)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


def build_application() -> FastAPI:
    """Build the app that Airflow mounts; without routes that describe it, since those nobody could guard."""
    app = FastAPI(title="Titlebout", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for error, handler in HANDLERS.items():
        app.add_exception_handler(error, handler)
    app.middleware("http")(_with_headers)
    app.get("/", response_class=HTMLResponse)(show_models)
    app.get("/{model}", response_class=HTMLResponse)(show_model)
    # Before the page, whose route would take `.json` for a part of the key.
    app.get("/{model}/partitions/{partition}.json")(show_report_json)
    app.get("/{model}/partitions/{partition}", response_class=HTMLResponse)(show_partition)
    app.get("/{model}/versions/{version}.md")(show_card_markdown)
    app.get("/{model}/versions/{version}", response_class=HTMLResponse)(show_card)
    app.get("/{model}/drift/{partition}.json")(show_drift_json)
    app.get("/{model}/drift/{partition}", response_class=HTMLResponse)(show_drift)
    app.get("/{model}/trials/{trial}", response_class=HTMLResponse)(show_split)
    app.get("/{model}/bouts/{partition}.json")(show_bout_json)
    app.get("/{model}/bouts/{partition}", response_class=HTMLResponse)(show_bout)
    return app


def show_models(readable: ReadableDagIds, request: Request) -> str:
    """Show all models that the user may see."""
    models = readable_models(LEDGER.get(), model_names(), readable)
    return models_page(models, Place(is_framed=is_framed(request)))


def show_model(model: ReadableModel, request: Request, page: PageNumber = 1) -> str:
    """Show the partitions of a model."""
    history = find_history(LEDGER.get(), model)
    if not history and model not in model_names():
        not_found("There is no model of this name.")
    ledger = LEDGER.get()
    decisions = Decisions(ledger.state(model).champion, newest_bouts(ledger, model), newest_looks(ledger, model))
    return model_page(model, history, decisions, page=page, place=Place(is_framed=is_framed(request)))


def show_partition(model: ReadableModel, partition: str, request: Request, revision: Revision = None) -> str:
    """Show the data report of a partition."""
    key = checked_key(partition)
    source = find_report(LEDGER.get(), LAKE.get(), model, key, revision)
    if source is None:
        not_found(f"{model} has no such partition or revision.")
    has_drift_report = bool(find_reported(LEDGER.get(), model, key, None))
    source = replace(source, has_drift_report=has_drift_report)
    return partition_page(source, Place("../../", is_framed=is_framed(request)))


def show_report_json(model: ReadableModel, partition: str, revision: Revision = None) -> Response:
    """Return the validation report as it lies in the lake."""
    key = checked_key(partition)
    delivery = find_delivery(find_history(LEDGER.get(), model), key, revision)
    content = report_bytes(LAKE.get(), delivery) if delivery else None
    if content is None:
        not_found(f"{model} has no such partition or revision, or it was not judged yet.")
    return Response(content, media_type="application/json")


def show_bout(model: ReadableModel, partition: str, request: Request, entry: EntryNumber = None) -> str:
    """Show a bout: the newest of the partition, or the one of a ledger entry."""
    source = find_bout(LEDGER.get(), LAKE.get(), model, checked_key(partition), entry)
    if source is None:
        not_found(f"{model} has no such bout.")
    return bout_page(source, Place("../../", is_framed=is_framed(request)))


def show_bout_json(model: ReadableModel, partition: str, entry: EntryNumber = None) -> Response:
    """Return the account of a bout as it lies in the lake."""
    found = find_recorded(LEDGER.get(), model, checked_key(partition), entry)
    content = account_bytes(LAKE.get(), found) if found else None
    if content is None:
        not_found(f"{model} has no such bout, or nothing was stored beside its verdict.")
    return Response(content, media_type="application/json")


def show_drift(model: ReadableModel, partition: str, request: Request, entry: EntryNumber = None) -> str:
    """Show a drift report: the newest of the partition, or the one of a ledger entry."""
    key = checked_key(partition)
    source = find_drift(LEDGER.get(), LAKE.get(), model, key, entry)
    if source is None:
        not_found(why_no_report(LEDGER.get(), model, key))
    return drift_page(source, Place("../../", is_framed=is_framed(request)))


def show_drift_json(model: ReadableModel, partition: str, entry: EntryNumber = None) -> Response:
    """Return a drift report as it lies in the lake."""
    found = find_reported(LEDGER.get(), model, checked_key(partition), entry)
    if not found:
        not_found(f"{model} has no drift report of this partition.")
    reported = found[-1][1]
    return Response(LAKE.get().read(reported.path, sha256=reported.sha256), media_type="application/json")


def show_split(model: ReadableModel, trial: TrialNumber, request: Request) -> str:
    """Show the newest look at a trial that outcomes decide."""
    report = find_split(LEDGER.get(), LAKE.get(), model, trial)
    if report is None:
        not_found(f"{model} has no such trial whose outcomes somebody has looked at (yet).")
    return split_page(report, Place("../../", is_framed=is_framed(request)))


def show_card(model: ReadableModel, version: str, request: Request) -> str:
    """Show the card of a version."""
    return card_page(_card(model, version), Place("../../", is_framed=is_framed(request)))


def show_card_markdown(model: ReadableModel, version: str) -> Response:
    """Return the card of a version in Markdown."""
    return Response(card_markdown(_card(model, version)), media_type="text/markdown; charset=utf-8")


def _card(model: str, version: str) -> ModelCard:
    card = find_card(LEDGER.get(), LAKE.get(), model, version)
    if card is None:
        not_found(f"{model} has no such version.")
    return card


async def _with_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers.update(HEADERS)
    return response
