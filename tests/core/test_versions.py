import pytest

from fakes.lake import MemoryLake
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.layout import version_manifest
from titlebout.core.results import SnapshotRef, TrainedChallenger, TrainingProof
from titlebout.core.versions import FILES, load_predictor, publish_files, read_file, read_version, version_id

REFS = tuple(
    SnapshotRef(partition=key, revision=1, data_path=f"p/{key}", data_sha256=digit * 64, rows=24, max_time=None)
    for key, digit in (("2024-01-01", "a"), ("2024-01-02", "b"))
)


def published(lake, version="2024-01-09-0123456789ab", **changes):
    fields = publish_files(lake, "demand", version, {word: word.encode() for word in FILES})
    manifest = TrainedChallenger(
        model="demand",
        version=version,
        partition="2024-01-09",
        proof=TrainingProof(training=REFS, holdout=()),
        training_rows=48,
        baseline=1.0,
        code_version="0",
        **fields,
    ).model_copy(update=changes)
    lake.publish(version_manifest("demand", version), manifest.model_dump_json().encode())
    return manifest


def test_the_same_snapshots_and_spec_name_the_same_version():
    version = version_id(demand_spec(), "2024-01-09", REFS)
    assert version == version_id(demand_spec(), "2024-01-09", REFS)
    assert version.startswith("2024-01-09-")
    assert len(version) == len("2024-01-09-") + 12


def test_threads_do_not_name_a_version():
    assert version_id(demand_spec(training__threads=2), "2024-01-09", REFS) == version_id(
        demand_spec(), "2024-01-09", REFS
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"training__seed": 1},
        {"training__rounds": 21},
        {"training__window_days": 9},
        {"training__half_life_days": 3},
        {"training__features": {"numeric": ["hour"]}},
        {"dataset__columns__extra": "number"},
        {"schedule__timezone": "Europe/Berlin"},
        {"deployment__golden_rows": 3},
        {"drift__columns": ["hour"]},
    ],
)
def test_whatever_makes_the_files_names_the_version(change):
    assert version_id(demand_spec(**change), "2024-01-09", REFS) != version_id(demand_spec(), "2024-01-09", REFS)


def test_another_revision_of_a_day_names_another_version():
    corrected = (REFS[0].model_copy(update={"data_sha256": "c" * 64}), REFS[1])
    assert version_id(demand_spec(), "2024-01-09", corrected) != version_id(demand_spec(), "2024-01-09", REFS)
    assert version_id(demand_spec(), "2024-01-09", REFS[:1]) != version_id(demand_spec(), "2024-01-09", REFS)


@pytest.mark.parametrize("package", ["xgboost", "titlebout.core.versions"])
def test_another_library_or_code_names_another_version(package, monkeypatch):
    before = version_id(demand_spec(), "2024-01-09", REFS)
    monkeypatch.setattr(f"{package}.__version__", "999.0")
    assert version_id(demand_spec(), "2024-01-09", REFS) != before


def test_a_version_is_read_as_it_was_published():
    lake = MemoryLake()
    manifest = published(lake)
    assert read_version(lake, "demand", manifest.version) == manifest
    assert {word: read_file(lake, manifest, word) for word in FILES} == {word: word.encode() for word in FILES}


def test_a_version_that_is_not_there_is_missing():
    with pytest.raises(ObjectMissingError):
        read_version(MemoryLake(), "demand", "2024-01-09-0123456789ab")


def test_a_manifest_that_is_no_manifest_is_corrupt():
    lake = MemoryLake()
    lake.publish(version_manifest("demand", "v"), b'{"model": "demand"}')
    with pytest.raises(CorruptObjectError, match="not readable as the manifest of a version"):
        read_version(lake, "demand", "v")


def test_the_manifest_of_another_version_is_corrupt():
    lake = MemoryLake()
    published(lake, version="2024-01-09-aaaaaaaaaaaa", model="other")
    with pytest.raises(CorruptObjectError, match="is the manifest of 2024-01-09-aaaaaaaaaaaa"):
        read_version(lake, "demand", "2024-01-09-aaaaaaaaaaaa")


def test_a_model_file_with_other_bytes_is_not_parsed():
    lake = MemoryLake()
    manifest = published(lake)
    lake.objects[manifest.model_path] = b"{other}"
    with pytest.raises(CorruptObjectError, match="SHA-256"):
        load_predictor(lake, manifest, threads=1)
