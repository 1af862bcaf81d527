"""Who may see a page: Airflow does not guard the routes of a plugin, so each of ours names one of these guards."""

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError

from titlebout.core.specs.spec import nightly_dag_of
from titlebout.core.specs.spec_section import Name
from titlebout.web.problems import not_found

_NAME = TypeAdapter(Name)


def readable_model(model: str, request: Request, user: GetUserDep) -> str:
    """Return the model's name, if there can be such a model and the user may read its nightly DAG.

    Who is not logged in is answered 401 before anything else is looked at, by Airflow's own dependency.
    """
    try:
        name = _NAME.validate_python(model)
    except ValidationError:
        not_found("There is no model of this name.")
    requires_access_dag("GET", param_dag_id=nightly_dag_of(name))(request, user)
    return name


def readable_dag_ids(user: GetUserDep) -> frozenset[str]:
    """Return the DAGs that the user may read."""
    return frozenset(get_auth_manager().get_authorized_dag_ids(user=user))


ReadableModel = Annotated[str, Depends(readable_model)]
ReadableDagIds = Annotated[frozenset[str], Depends(readable_dag_ids)]
