import pytest
from pydantic import BaseModel, ValidationError, model_validator

from titlebout.core.first_mistake import Mistake, first_mistake


class Sum(BaseModel):
    parts: list[int]
    total: int

    @model_validator(mode="after")
    def _adds_up(self):
        if sum(self.parts) != self.total:
            message = "the parts do not add up"
            raise ValueError(message)
        return self


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"parts": [1, "secret"], "total": "x"}, "parts.1: Input should be a valid integer, unable to parse string as"),
        ({"parts": [1], "total": 2}, "body: the parts do not add up"),
        ("no mapping", "body: Input should be a valid dictionary or instance of Sum"),
    ],
)
def test_the_first_mistake_is_said_with_its_place_and_without_what_was_found(document, expected):
    with pytest.raises(ValidationError) as caught:
        Sum.model_validate(document)
    found = first_mistake(caught.value, whole="body")
    assert isinstance(found, Mistake)
    assert str(found).startswith(expected)
    assert "secret" not in str(found)
