"""Where benchmarks leave their figures: one section each in RESULTS.md, replaced at every run."""

import json
import os
import platform
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).with_name("RESULTS.md")
HEADER = """# Results

Each section is written by its benchmark; run it again to replace it. Ratios count, not seconds.
"""


def write_section(name: str, body: str) -> None:
    """Replace or add the section of one benchmark."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEADER
    section = f"<!-- {name} -->\n{body.strip()}\n<!-- /{name} -->"
    pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    page = pattern.sub(lambda _: section, page) if pattern.search(page) else f"{page.rstrip()}\n\n{section}\n"
    PAGE.write_text(page, encoding="utf-8")


def machine() -> str:
    """Name what the figures were measured on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def end_when_told() -> None:
    """Have SIGTERM end a benchmark as Ctrl-C does, so that servers are stopped and folders removed."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def say(what: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"{datetime.now(tz=UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


def print_json(figures: object) -> None:
    """Print the figures as the last line."""
    print(json.dumps(figures))
