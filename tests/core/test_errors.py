import inspect
import pickle

import pytest

from titlebout.core import errors
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, FieldError, TitleboutError, bounded, did_you_mean

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, TitleboutError)]


def test_the_tree_in_the_docstring_names_every_class():
    for error in CLASSES:
        assert f" {error.__name__}" in errors.__doc__


@pytest.mark.parametrize("error", CLASSES)
def test_each_class_says_when_it_is_raised(error):
    assert error.__doc__


@pytest.mark.parametrize("error", [cls for cls in CLASSES if cls is not FieldError])
def test_messages_are_bounded(error):
    message = str(error("x" * 10_000))
    assert len(message) == MAX_MESSAGE_CHARACTERS
    assert message.endswith("…")


def test_a_field_error_names_field_row_and_problem():
    error = FieldError("hour", "is missing; send it", 3)
    assert (error.field, error.problem, error.row) == ("hour", "is missing; send it", 3)
    assert str(error) == "field 'hour' of row 3 is missing; send it"
    assert str(FieldError("hour", "is gone")) == "field 'hour' is gone"
    assert len(str(FieldError("hour", "x" * 10_000))) == MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize("error", [TitleboutError("what; where; what to do"), FieldError("hour", "is missing", 3)])
def test_an_error_survives_the_way_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_a_short_message_stays_as_it_is():
    assert bounded("abc", limit=3) == "abc"


def test_the_nearest_name_is_offered():
    assert did_you_mean("windw_days", ["window_days", "rounds"]) == "did you mean 'window_days'?"


def test_without_a_near_name_some_are_listed():
    names = [f"name_{number:02}" for number in range(20)]
    assert did_you_mean("qqq", ["b", "a"]) == "valid: a, b"
    assert did_you_mean("qqq", names) == f"valid: {', '.join(names[:12])}, …"
    assert did_you_mean("qqq", []) == "there is none yet"
