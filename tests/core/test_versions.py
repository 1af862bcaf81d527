import pytest

from fakes.lake import MemoryLake
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.layout import version_manifest
from titlebout.core.results import SnapshotRef, TrainedChallenger, TrainingProof
from titlebout.core.versions import FILES, load_predictor, publish_files, read_file, read_version

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
        model_bytes=5,
        baseline=1.0,
        code_version="0",
        **fields,
    ).model_copy(update=changes)
    lake.publish(version_manifest("demand", version), manifest.model_dump_json().encode())
    return manifest


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
