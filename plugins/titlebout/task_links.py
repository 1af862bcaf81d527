"""Links on a task's page in Airflow. Each shows what the task left in an XCom, if a browser can open it."""

import re
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


def trial_address(model: str, trial: int) -> str:
    """Return where the API server shows the newest look at a trial that outcomes decide."""
    return f"titlebout/{model}/trials/{trial}"


def drift_address(model: str, partition: str) -> str:
    """Return where the API server shows the newest drift report of a partition."""
    return f"titlebout/{model}/drift/{partition}"


def verdict_address(model: str, partition: str, entry: int | None = None) -> str:
    """Return where the API server shows a bout; without a ledger entry, the newest one of the partition."""
    return f"titlebout/{model}/bouts/{partition}" + (f"?entry={entry}" if entry else "")


def report_address(model: str, partition: str, revision: int | None = None) -> str:
    """Return where the API server shows a partition's data report; without a revision, the newest one."""
    return f"titlebout/{model}/partitions/{partition}" + (f"?revision={revision}" if revision else "")


class WebLink(BaseOperatorLink):
    """A link to the address that the task pushed under `address_key`."""

    address_key = ""

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """Return the address, or an empty one, which Airflow shows as a link that is not there (yet)."""
        from airflow.sdk.execution_time.xcom import XCom

        address = XCom.get_value(ti_key=ti_key, key=self.address_key)
        return address if isinstance(address, str) and self.opens(address) else ""

    def opens(self, address: str) -> bool:
        """Whether a browser opens the address and nothing else happens."""
        return address.startswith(("http://", "https://"))


class PageLink(WebLink):
    """A link to one of our own pages.

    `page` is a pattern of its address below the model's. Without a slash at its start: the UI resolves it against its
    own base, which may be a path behind a proxy.
    """

    page = ""

    def opens(self, address: str) -> bool:
        """Whether it is the address of such a page."""
        return re.fullmatch(rf"titlebout/[a-z0-9_]+/{self.page}", address, re.ASCII) is not None


class DataReportLink(PageLink):
    """What came in, and what the suite said about it."""

    name = "Data report"
    address_key = "data_report_url"
    page = r"partitions/[0-9TW-]+(\?revision=[0-9]+)?"


class VerdictLink(PageLink):
    """How the bout ended, and every number that led to it."""

    name = "Verdict"
    address_key = "verdict_url"
    page = r"bouts/[0-9TW-]+(\?entry=[0-9]+)?"


class DriftReportLink(PageLink):
    """What a look at the newest partitions saw."""

    name = "Drift report"
    address_key = "drift_report_url"
    page = r"drift/[0-9TW-]+(\?entry=[0-9]+)?"


class TrialLink(PageLink):
    """What the outcomes of a split said so far."""

    name = "A/B report"
    address_key = "trial_url"
    page = r"trials/[0-9]+"


class MlflowRunLink(WebLink):
    """Where the challenger is tracked; empty where MLflow has no server."""

    name = "MLflow run"
    address_key = "mlflow_run_url"


class ModelServerLink(WebLink):
    """Where the champion answers."""

    name = "Model server"
    address_key = "model_server_url"


LINKS = (DataReportLink, VerdictLink, TrialLink, DriftReportLink, MlflowRunLink, ModelServerLink)
