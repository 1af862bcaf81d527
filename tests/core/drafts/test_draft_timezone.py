"""The zone in which a day begins: as it is said, or as paths and times agree."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from titlebout.core.drafts.draft_model import DraftChoices, find_model
from titlebout.core.drafts.draft_rows import Part, RawRows

HOURS = 24 * 40


def orders(zone="Europe/Berlin", days_in=None):
    """Return an hour a row with times of one zone, in files that name the days of another one, or none."""
    start = datetime(2024, 6, 1, tzinfo=ZoneInfo(days_in or zone))
    moments = [start + timedelta(hours=n) for n in range(HOURS)]
    table = pa.table(
        {
            "at": pa.array(moments, pa.timestamp("us", tz=zone)),
            "x": [float(n % 7) for n in range(HOURS)],
            "y": [float(n * n % 31) for n in range(HOURS)],
        }
    )
    keys = [str(moments[n].date()) if days_in else None for n in range(0, HOURS, 24)]
    return RawRows(table, [Part("orders.parquet", key, 24) for key in keys], is_whole=True)


def drafted(raw, timezone=None):
    return find_model(raw, DraftChoices(target="y", timezone=timezone))


def test_days_in_paths_that_fit_the_zone_of_the_times_are_its_days():
    draft = drafted(orders(days_in="Europe/Berlin"))
    assert draft.timezone == "Europe/Berlin"
    assert draft.agreement == 1.0
    assert "100.0% of the rows there, in 91.7% by UTC" in " ".join(draft.typed.remarks)


def test_days_in_paths_that_fit_utc_stay_those_of_utc():
    draft = drafted(orders(days_in="UTC"))
    assert (draft.timezone, draft.typed.remarks) == ("UTC", [])


def test_without_days_in_paths_the_zone_of_the_times_is_only_named():
    draft = drafted(orders())
    assert draft.timezone == "UTC"
    assert "or say --timezone Europe/Berlin" in " ".join(draft.typed.remarks)


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "+02:00", "Mars/Base"])
def test_utc_offsets_and_unknown_names_are_no_zones(zone):
    raw = orders()
    table = raw.table.set_column(0, "at", raw.table.column("at").cast(pa.timestamp("us", tz=zone)))
    draft = drafted(RawRows(table, raw.parts, is_whole=True))
    assert (draft.timezone, draft.typed.remarks) == ("UTC", [])


def test_what_is_said_stands():
    assert drafted(orders(days_in="Europe/Berlin"), "Asia/Tokyo").timezone == "Asia/Tokyo"
