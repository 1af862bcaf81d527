"""Renders the templates of the report pages. Whatever comes from data is escaped, and shown character by character."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import jinja2

from titlebout.core.pages.bout_words import number, percent, probability
from titlebout.core.pages.report_words import in_words, visible
from titlebout.core.pages.standing import failure_line, status_style, status_words
from titlebout.core.results import PartitionKey


@dataclass(frozen=True)
class Place:
    """Where a page stands among the others.

    Attributes:
        home: Relative address of the index of models, with a slash at its end.
        is_framed: Whether the page is shown inside Airflow's own: then it does not lead there.
    """

    home: str = "./"
    is_framed: bool = False


@dataclass(frozen=True)
class Link:
    """Text that leads somewhere; without an address it is the page itself."""

    text: str
    address: str = ""


def neighbours(keys: Collection[PartitionKey], key: PartitionKey) -> tuple[PartitionKey | None, PartitionKey | None]:
    """Return the partitions before and after one, of those that have a page; None where there is none."""
    before, after = (each for each in keys if each < key), (each for each in keys if each > key)
    return max(before, default=None), min(after, default=None)


def render(template: str, place: Place, trail: Mapping[str, str], **values: object) -> str:
    """Render a page.

    Args:
        template: Its file.
        place: Where it stands.
        trail: What leads to it: text to address below the index; empty for the page itself.
        **values: What the template shows.
    """
    crumbs = [Link("Titlebout", place.home if trail else "")]
    crumbs += [Link(text, f"{place.home}{address}" if address else "") for text, address in trail.items()]
    airflow = "" if place.is_framed else f"{place.home}../"
    return _environment().get_template(template).render(values, crumbs=crumbs, airflow=airflow)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("titlebout.core.pages", "page_templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "grouped": "{:,}".format,
        "moment": _moment,
        "status": status_words,
        "style": status_style,
        "failures": failure_line,
        "number": number,
        "percent": percent,
        "probability": probability,
        "words": in_words,
    }
    return environment


def _finalize(value: object) -> object:
    """Let no invisible character of the data reach the page; what a macro rendered is passed on."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
