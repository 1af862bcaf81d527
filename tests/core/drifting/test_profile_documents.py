import json
import subprocess
import sys

import pyarrow as pa
import pytest

from fakes.demand_days import demand_rows
from fakes.specs import demand_spec
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfiledColumn, ProfileQuestion
from titlebout.core.drifting.profile_documents import SnapshotProfile, opened_profile, profile_document
from titlebout.core.partitions import keys_between
from titlebout.core.sealed_json import sealed
from titlebout.core.specs.column_type import ColumnType

QUESTION = ProfileQuestion(
    columns={
        "number": ProfiledColumn(ColumnType.NUMBER, "numbers"),
        "name": ProfiledColumn(ColumnType.TEXT, "categories"),
    }
)
ROWS = pa.table(
    {
        "number": [1e16, 1e-7, 1.5e-5, -0.0, 0.1, None],
        "name": ["café", 'q"\\\n\x7f', "rain", "rain", "", None],
    }
)
PROFILE = PartitionProfile.of_pieces(QUESTION, [ROWS])
SHA = "a" * 64
WRITTEN = (
    '{"rows":6,"columns":{"number":{"kind":"numbers","missing":1,"moments":{"count":5,"total":"10000000000000000",'
    '"squares":"100000000000000005366162204393472","smallest":-0.0,"largest":1e+16},"sketch":{"bits":23,'
    '"codes":[0,869711765,930850946,1036831949,1510874058],"counts":[1,1,1,1,1]}},"name":{"kind":"categories",'
    '"missing":1,"categories":{"is_grouped":false,"counts":{"":1,"café":1,"q\\"\\\\\\n\x7f":1,"rain":2}}}}}'
)
SEAL = "812b730db0faaf3c95c28855e1e7302595f8a6e0ab35f00593bb1d73cafe3087"
DELETED = object()


def kept(profile=PROFILE):
    return SnapshotProfile(data_sha256=SHA, question=QUESTION, profile=profile).document()


def changed(path, value):
    """A document in which one thing is another, or is not there."""
    document = json.loads(WRITTEN)
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place[name]
    if value is DELETED:
        del place[last]
    else:
        place[last] = value
    return document


def test_the_bytes_of_a_profile_are_those_of_every_release():
    """Files are named by them, and the ledger names files."""
    assert profile_document(PROFILE).decode() == WRITTEN
    assert kept().endswith(f'"sha256":"{SEAL}"}}'.encode())
    assert QUESTION.sha256 == "20b29d06326353b4bc966ca6dc02fb3070aa98895d2d0ac786b0a2ed6a1c17ba"


def test_a_profile_comes_back_from_json_as_it_was():
    days = [demand_rows(key) for key in keys_between("2024-01-01", "2024-01-08")]
    question = ProfileQuestion.of(demand_spec())
    for asked, tables in ((question, days), (QUESTION, [ROWS]), (QUESTION, [ROWS.slice(0, 0)])):
        profile = PartitionProfile.of_pieces(asked, tables)
        assert opened_profile(profile_document(profile)) == profile
        document = SnapshotProfile(data_sha256=SHA, question=asked, profile=profile).document()
        assert SnapshotProfile.opened(document, asked, SHA) == profile


def test_a_profile_of_other_rows_or_of_another_question_is_none():
    other = ProfileQuestion(columns={"number": QUESTION.columns["number"]})
    assert SnapshotProfile.opened(kept(), QUESTION, "b" * 64) is None
    assert SnapshotProfile.opened(kept(), other, SHA) is None
    assert other.sha256 != QUESTION.sha256


@pytest.mark.parametrize("document", [kept().replace(b"rain", b"snow"), kept()[:-1], b"", b"\xff\xfe", kept() + b" "])
def test_a_damaged_file_is_none(document):
    assert SnapshotProfile.opened(document, QUESTION, SHA) is None


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"{}", b"{", b"\xff", b"[" * 100_000], ids=range(7))
def test_a_sealed_file_that_holds_something_else_is_none(body):
    assert SnapshotProfile.opened(sealed("profile", body), QUESTION, SHA) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rows", -1),
        ("rows", "6"),
        ("rows", DELETED),
        ("more", 1),
        ("columns", []),
        ("columns.name", None),
        ("columns.name.kind", "words"),
        ("columns.name.kind", "numbers"),
        ("columns.name.missing", -1),
        ("columns.name.more", 1),
        ("columns.name.categories", {}),
        ("columns.name.categories.is_grouped", 0),
        ("columns.name.categories.more", 1),
        ("columns.name.categories.counts", {"rain": 0}),
        ("columns.name.categories.counts", {"rain": 1.5}),
        ("columns.number.missing", None),
        ("columns.number.more", 1),
        ("columns.number.moments", None),
        ("columns.number.moments.more", 1),
        ("columns.number.moments.total", "one"),
        ("columns.number.moments.total", "1/0"),
        ("columns.number.moments.total", 1.0),
        ("columns.number.moments.total", "1e999999999"),
        ("columns.number.moments.squares", "-1.5"),
        ("columns.number.moments.count", 4),
        ("columns.number.moments.count", -5),
        ("columns.number.moments.smallest", "low"),
        ("columns.number.moments.smallest", None),
        ("columns.number.moments.smallest", float("nan")),
        ("columns.number.moments.largest", float("inf")),
        ("columns.number.sketch.more", 1),
        ("columns.number.sketch.bits", -1),
        ("columns.number.sketch.bits", 24),
        ("columns.number.sketch.codes", [0, 1, 2, 3]),
        ("columns.number.sketch.codes", [0, 2, 1, 3, 4]),
        ("columns.number.sketch.codes", [0, 1, 1, 3, 4]),
        ("columns.number.sketch.codes", [0, 1, 2, 3, 4.5]),
        ("columns.number.sketch.codes", [0, 1, 2, 3, 2**80]),
        ("columns.number.sketch.codes", [[0], [1], [2], [3], [4]]),
        ("columns.number.sketch.counts", [1, 1, 1, 1, 0]),
        ("columns.number.sketch.counts", [1, 1, 1, 1, "1"]),
    ],
)
def test_what_is_no_profile_is_refused(path, value):
    document = json.dumps(changed(path, value))
    with pytest.raises(ValueError, match="no profile, or one of another release"):
        opened_profile(document.encode())
    body = json.dumps(json.loads(kept())["profile"] | {"profile": json.loads(document)})
    assert SnapshotProfile.opened(sealed("profile", body.encode()), QUESTION, SHA) is None


def test_what_is_nested_without_end_is_no_profile():
    with pytest.raises(ValueError, match="no profile, or one of another release"):
        opened_profile(b"[" * 100_000)


def test_whoever_profiles_a_file_and_reads_profiles_waits_for_no_models_of_pydantic():
    """Its import takes longer than the work on a hundred thousand rows."""
    imported = "distances, parquet_profile, profile_documents"
    program = f"import sys; from titlebout.core.drifting import {imported}; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
