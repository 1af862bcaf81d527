import shlex

import pytest

from fakes.delivered import MODEL, Delivered, failure
from titlebout.cli.main import build_parser
from titlebout.core.deliveries import Delivery, deliveries
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.report_reading import ReadReport
from titlebout.core.pages.standing import commands, failure_line, standing, status_style, status_words

KEY = "2024-05-01"


def delivery(*failures, decision: EntryKind | None = None, is_judged: bool = True) -> Delivery:
    delivered = Delivered()
    delivered.ingest(KEY)
    if is_judged:
        delivered.judge(KEY, failures)
    if decision:
        delivered.decide(KEY, decision)
    return deliveries(delivered.ledger.entries(MODEL))[KEY][-1]


@pytest.mark.parametrize(
    ("found", "words", "style"),
    [
        (delivery(), "accepted", "accepted"),
        (delivery(failure()), "in quarantine", "quarantined"),
        (delivery(failure(), decision=EntryKind.PARTITION_RELEASED), "released by anna", "released"),
        (delivery(decision=EntryKind.PARTITION_DISCARDED), "discarded by anna", "discarded"),
        (delivery(is_judged=False), "not judged yet", "ingested"),
    ],
)
def test_a_status_has_words_and_looks(found, words, style):
    assert (status_words(found), status_style(found)) == (words, style)


def test_without_the_report_the_ledger_tells_how_it_went():
    assert standing(delivery(), ReadReport()).lines == ("5 expectations; all held.",)
    lost = standing(delivery(failure()), ReadReport())
    assert lost.lines[0] == "5 expectations; critical ones failed."


@pytest.mark.parametrize(
    ("found", "choices"),
    [
        (delivery(failure()), ["release", "reject"]),
        (delivery(failure(), decision=EntryKind.PARTITION_RELEASED), ["reject"]),
        (delivery(failure(), decision=EntryKind.PARTITION_DISCARDED), ["release"]),
        (delivery(), ["reject"]),
        (delivery(is_judged=False), ["reject"]),
    ],
)
def test_only_what_is_possible_is_offered_and_the_command_line_takes_it(found, choices):
    offered = [shlex.split(command.line) for command in commands(found) if command.line]
    assert [line[2] for line in offered] == choices
    for line in offered:
        options = build_parser().parse_args(line[1:])
        assert (options.model, options.partitions) == (MODEL, [KEY])


def test_a_failure_line_stays_short():
    found = delivery(failure(expectation="x" * 500), failure())
    assert len(failure_line(found)) < 180
    assert failure_line(found).endswith("(and 1 more)")
    assert failure_line(delivery()) == ""
