"""What all sections of a spec share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Names become paths, DAG ids and container names; ASCII, no dots, no separators but the underscore.
NAME_PATTERN = r"\A[a-z][a-z0-9_]{0,62}\z"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]


class SpecSection(BaseModel):
    """Base of all sections: frozen, and a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
