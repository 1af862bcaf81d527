"""Links on a task's page in Airflow. Each shows what the task left in an XCom, if a browser can open it."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class WebLink(BaseOperatorLink):
    """A link to the address that the task pushed under `address_key`."""

    address_key = ""

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """Return the address, or an empty one, which Airflow shows as a link that is not there (yet)."""
        from airflow.sdk.execution_time.xcom import XCom

        address = XCom.get_value(ti_key=ti_key, key=self.address_key)
        return address if isinstance(address, str) and address.startswith(("http://", "https://")) else ""


class MlflowRunLink(WebLink):
    """Where the challenger is tracked; empty where MLflow has no server."""

    name = "MLflow run"
    address_key = "mlflow_run_url"


class ModelServerLink(WebLink):
    """Where the champion answers."""

    name = "Model server"
    address_key = "model_server_url"
