"""Operator of the step `deploy_model`."""

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from titlebout.core.results import Release, ReleaseStatus, RunContext
from titlebout.core.specs.spec import ModelSpec
from titlebout.step_operator import VerdictOperator
from titlebout.task_links import ModelServerLink
from titlebout.wiring import build_client


class DeployModelOperator(VerdictOperator):
    """Releases a challenger that won its bout. Skips, with the reason, when there is nothing to release.

    Its arguments are those of `VerdictOperator`.
    """

    operator_extra_links = (ModelServerLink(),)

    def run_step(self, spec: ModelSpec, run: RunContext, context: Context) -> Release:
        """Release, and leave the server's address for the link.

        Raises:
            AirflowSkipException: Nothing was released; the run stays green.
        """
        from titlebout.steps.deploy_model import deploy_model

        verdict, trials = self.read_verdict(), build_client() if spec.release.has_trial else None
        release = deploy_model(spec, run, verdict=verdict, **self.ports(spec), trials=trials)
        if release.status is ReleaseStatus.SKIPPED:
            raise AirflowSkipException(release.reason)
        context["ti"].xcom_push(key=ModelServerLink.address_key, value=release.url or "")
        return release
