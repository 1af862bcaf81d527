"""The real data set of the demo: hourly bicycle rentals in Washington, 2011 and 2012, split into day files.

Source: Hadi Fanaee-T and Joao Gama, Bike Sharing, UCI Machine Learning Repository 275, CC BY 4.0.
"""

import csv
import hashlib
import io
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from titlebout.demo.failure import DemoError
from titlebout.demo.scenario import Scenario

URL = "https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip"
SHA256 = "e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f"
"""Of `hour.csv` inside the archive."""
MAX_BYTES = 5_000_000  # the archive has 0.3 MB, the file in it 1.2 MB
DEADLINE_SECONDS = 60.0
REMEDY = "or put hour.csv into a folder and name that folder in TITLEBOUT_DATA"

# November is colder than the weeks before anyway, so warmth would undo the season instead of being news.
COLD = 0.2  # of the normalised temperatures, which span -8 to 39 °C and -16 to 50 °C: about 10 °C
GROWTH = 1.8

SCENARIO = Scenario(
    history_first="2011-01-01",
    backfill_first="2012-10-20",
    backfill_last="2012-11-02",
    live="2012-11-03",
    drift_first="2012-11-04",
    drift_last="2012-11-10",
    faulty={
        "2012-10-29": "one row: the operator shut down before Hurricane Sandy",
        "2012-10-30": "11 rows: it opened again in the afternoon",
    },
    injection=f"real rows, changed: a cold snap (temp and atemp - {COLD}) and a transit strike (rentals x {GROWTH})",
)


class BikeFeed:
    """Delivers the days of `hour.csv` with its own header."""

    scenario = SCENARIO

    def __init__(self, content: bytes) -> None:
        """Split the file by its column `dteday`."""
        reader = csv.DictReader(io.StringIO(content.decode("ascii")))
        self._columns = list(reader.fieldnames or ())
        self._days: dict[str, list[dict[str, str]]] = {}
        for row in reader:
            self._days.setdefault(row["dteday"], []).append(row)

    def day(self, key: str, *, drifted: bool = False) -> bytes:
        """Return the CSV file of one day."""
        rows = self._days[key]
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_drifted(row) if drifted else row for row in rows)
        return text.getvalue().encode("ascii")


def load_hours(given: Path | None, cache: Path, *, url: str = URL, sha256: str = SHA256) -> bytes:
    """Return the bytes of `hour.csv`: from a given folder, from the cache, or from the internet.

    Args:
        given: The folder in `TITLEBOUT_DATA`; the file lies in it or in its subfolder `bike_sharing`.
        cache: Folder for the download; a good file in it is used again.
        url: Address of the archive.
        sha256: What `hour.csv` must hash to.

    Raises:
        DemoError: There is no such file, it is another one, or the download failed.
    """
    if given is not None:
        candidates = [given / "bike_sharing" / "hour.csv", given / "hour.csv"]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            message = f"TITLEBOUT_DATA: found neither {candidates[0]} nor {candidates[1]}"
            raise DemoError(message)
        return _checked(path.read_bytes(), sha256, str(path))
    cached = cache / "bike_sharing" / "hour.csv"
    if cached.is_file() and hashlib.sha256(cached.read_bytes()).hexdigest() == sha256:
        return cached.read_bytes()
    content = _checked(_unpack(_download(url), url), sha256, url)
    cached.parent.mkdir(parents=True, exist_ok=True)
    temporary = cached.with_name(".hour.csv.new")
    temporary.write_bytes(content)
    temporary.replace(cached)
    return content


def _download(url: str) -> bytes:
    deadline, content = time.monotonic() + DEADLINE_SECONDS, bytearray()
    try:
        with httpx.stream("GET", url, timeout=15.0, follow_redirects=True) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MAX_BYTES or time.monotonic() > deadline:
                    message = f"{url}: more than {MAX_BYTES} bytes or {DEADLINE_SECONDS:.0f} s; try again, {REMEDY}"
                    raise DemoError(message)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{url}: cannot be downloaded ({type(error).__name__}: {error}); connect to the internet, {REMEDY}"
        raise DemoError(message) from error
    return bytes(content)


def _unpack(archive: bytes, url: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened, opened.open("hour.csv") as file:
            return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        message = f"{url}: no zip archive with hour.csv in it ({error}); try again later, {REMEDY}"
        raise DemoError(message) from error


def _checked(content: bytes, sha256: str, where: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        message = f"{where}: hour.csv has SHA-256 {found}, expected {sha256}; get the original file {REMEDY}"
        raise DemoError(message)
    return content


def _drifted(row: Mapping[str, str]) -> dict[str, str]:
    """Cool the hour down and multiply the rentals; the parts still add up to the sum."""
    casual, registered = (round(int(row[name]) * GROWTH) for name in ("casual", "registered"))
    return {
        **row,
        "temp": _colder(row["temp"]),
        "atemp": _colder(row["atemp"]),
        "casual": str(casual),
        "registered": str(registered),
        "cnt": str(casual + registered),
    }


def _colder(normalised: str) -> str:
    return f"{max(0.0, float(normalised) - COLD):.4f}"
