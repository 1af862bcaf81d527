"""What the server tells its observers about a request that was scored: metrics, the inference log, a trial.

An observer is called on the path of every answer, from the event loop or from a thread of a large batch. It takes
what it needs and returns: no disk, no network, no lock that somebody else holds for long, no exception.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from titlebout.core.release_roles import ReleaseRole
from titlebout.serving.questions import Row, Scores, Unseen
from titlebout.serving.release_store import LoadedRelease

REQUEST_ID = "x-request-id"
"""Header that names a request: the client's, or ours; the answer bears it too."""
MOST_ID_CHARACTERS = 128


class ScoredRequest(NamedTuple):
    """One request and what one release scored it. A named tuple: it is made on the path of every answer.

    Attributes:
        request_id: Name of the request: the client's, or one that no other server gives.
        unix_seconds: When it was scored; UTC.
        route: Which protocol asked: `predict`, `invocations` or `infer`.
        release: What scored it.
        role: In which role; a request on trial is scored twice and gives two of these.
        rows: Its rows. They are the server's own and nobody changes them.
        scores: Their scores, in the same order.
        unseen: Categories among the rows that the release's training never saw.
        seconds: Reading the rows and scoring them took so long.
    """

    request_id: str
    unix_seconds: float
    route: str
    release: LoadedRelease
    role: ReleaseRole
    rows: Sequence[Row]
    scores: Scores
    unseen: Sequence[Unseen]
    seconds: float


Observer = Callable[[ScoredRequest], None]


def request_names(instance: str) -> Iterator[str]:
    """Yield names for requests that bring none; the name of the server's run tells them from all others."""
    return (f"{instance}-{number}" for number in itertools.count(1))


def is_request_id(name: str) -> bool:
    """Whether a client's name for its request can be echoed and stored as it is."""
    return 0 < len(name) <= MOST_ID_CHARACTERS and name.isascii() and name.isprintable()


def unseen_categories(release: LoadedRelease, rows: Sequence[Row]) -> list[Unseen]:
    """Return every place whose category the release's training never saw: it is scored as *other*.

    The rows have been scored, so each value is of its field's type, or null.
    """
    found: list[Unseen] = []
    for name, seen in release.categories.items():
        if len(rows) == 1 and seen.text_of is None and rows[0][name] in seen.known:  # the usual request
            continue
        found.extend(Unseen(place, name) for place in seen.unseen([row[name] for row in rows]))
    return found
