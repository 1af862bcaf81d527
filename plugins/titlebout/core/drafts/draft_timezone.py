"""Finds the time zone in which a day begins."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pyarrow as pa

from titlebout.core.drafts.draft_facts import SampledColumns
from titlebout.core.drafts.draft_roles import agreement
from titlebout.core.drafts.draft_rows import RawRows

_UTC = "UTC"


@dataclass(frozen=True)
class DayZone:
    """A time zone by its IANA name.

    Attributes:
        how: What a person should know of the choice; empty: nothing.
    """

    name: str
    how: str = ""


def find_timezone(columns: SampledColumns, raw: RawRows, given: str | None) -> DayZone:
    """Return the zone that was given, else that of the times if days in paths agree better with it, else UTC."""
    if given:
        return DayZone(given)
    zones = _named_zones(raw.table)
    if len(zones) != 1:
        return DayZone(_UTC)
    (zone,) = zones
    local, utc = (max(agreement(columns, name, raw.parts, each) for name in columns.times) for each in (zone, _UTC))
    if local > utc:
        how = f"days in paths are those of the times in {local:.1%} of the rows there, in {utc:.1%} by UTC"
        return DayZone(zone, f"a day begins in {zone}, the zone that times come with: {how}")
    if local == 0.0:
        return DayZone(_UTC, f"times come with the zone {zone}, and days begin in UTC; or say --timezone {zone}")
    return DayZone(_UTC)


def _named_zones(table: pa.Table) -> set[str]:
    """Return the zones of the timestamps as the source holds them, but UTC and mere offsets such as +02:00."""
    zones = {each.tz for each in table.schema.types if pa.types.is_timestamp(each) and each.tz}
    return {zone for zone in zones if "/" in zone and not zone.startswith("Etc/") and _is_known(zone)}


def _is_known(zone: str) -> bool:
    try:
        return bool(ZoneInfo(zone))
    except (KeyError, ValueError):
        return False
