import json

import pytest

from fakes.lake import MemoryLake
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.layout import version_manifest
from titlebout.core.results import SnapshotRef, TrainedChallenger, TrainingProof
from titlebout.core.versions import FILES, load_predictor, publish_files, read_file, read_version

# As the first nights of this product wrote it, byte for byte but for fewer snapshots.
OLDEST_MANIFEST = b"""{"model":"demand","version":"2024-01-09-f6aa74aef7fa","partition":"2024-01-09",
"model_path":"demand/versions/2024-01-09-f6aa74aef7fa/model.ubj",
"model_sha256":"6357be34beae259bd66bedd78c4512b0a60535b9ba4e5f7def5d183aea00fd44",
"plan_path":"demand/versions/2024-01-09-f6aa74aef7fa/plan.json",
"plan_sha256":"77cc2b5141fa262f02d80d7d6de2886af1593359abff8211765032ef6e53884d",
"profile_path":"demand/versions/2024-01-09-f6aa74aef7fa/profile.json",
"profile_sha256":"f7494c5bd9e2a8d7115621026b41107956d57e4fe9615229a8c5b417c263d278",
"golden_path":"demand/versions/2024-01-09-f6aa74aef7fa/golden.json",
"golden_sha256":"123b0c6883fdb8890f6be586b6605fb3e865fbfa2ac51eb8358ed73064515b8f",
"recipe_path":"demand/versions/2024-01-09-f6aa74aef7fa/recipe.json",
"recipe_sha256":"f6aa74aef7fa7af6bb4314fa8b01648f9a0481c10a77280c9161c49007f0118b",
"proof":{"training":[{"partition":"2024-01-01","revision":1,
"data_path":"demand/partitions/2024-01-01/1-2141a6ce20d1/data.parquet",
"data_sha256":"2141a6ce20d1a914008471f31952d08902426b6d8e138fcad95376ef38d4a66a","rows":24,
"max_time":"2024-01-01T00:00:00Z"}],"holdout":[]},
"training_rows":1008,"baseline":300.52777777777777,
"metrics":{"training_rows":1008.0,"baseline":300.52777777777777},"code_version":"0.1.0"}"""
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


def test_the_manifest_of_the_oldest_release_is_read():
    lake, version = MemoryLake(), "2024-01-09-f6aa74aef7fa"
    lake.publish(version_manifest("demand", version), OLDEST_MANIFEST)
    manifest = read_version(lake, "demand", version)
    assert (manifest.version, manifest.training_rows, manifest.model_bytes) == (version, 1008, None)
    assert manifest.as_json() == json.loads(OLDEST_MANIFEST) | {"model_bytes": None}  # with the profile of those days


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
