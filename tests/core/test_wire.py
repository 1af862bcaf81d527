import pytest
from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, DeploymentError
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import ReleasePush, SentFile, checked_model_name

BUNDLE = ReleaseBundle(model="demand", version="2024-01-10-aaaaaaaaaaaa", booster=b"\x00\xff", plan=b"{}", golden=b"[]")


def test_a_bundle_arrives_as_it_was_sent():
    sent = ReleasePush.of(BUNDLE, token=3).model_dump_json()
    assert ReleasePush.model_validate_json(sent).bundle() == BUNDLE


@pytest.mark.parametrize("content", ["", "AP8", "AP8=\n", "!!!!", "AP8A", "ÄÄÄÄ"])
def test_a_file_whose_bytes_changed_is_refused(content: str):
    changed = SentFile.of(b"\x00\xff").model_copy(update={"base64": content})
    with pytest.raises(CorruptObjectError, match=r"model\.ubj"):
        changed.content("model.ubj")


@pytest.mark.parametrize("version", ["", ".", "..", "../x", "a/b", "a\n", "-x", "ä", "x" * 129])
def test_a_version_that_could_leave_its_folder_is_refused(version: str):
    with pytest.raises(ValidationError):
        ReleasePush(model="demand", version=version, token=1, files={})


@pytest.mark.parametrize("token", [0, -1, 1.0, "1", True])
def test_a_token_is_a_counting_number(token: object):
    with pytest.raises(ValidationError):
        ReleasePush.model_validate({"model": "demand", "version": "v", "token": token, "files": {}})


def test_a_model_name_is_checked():
    assert checked_model_name("bike_demand") == "bike_demand"
    with pytest.raises(DeploymentError, match="no name of a model"):
        checked_model_name("../bike_demand")
