"""Stops what runs of a demo, whether it is asked to or finds the leftovers of one that was killed."""

import os
import signal

from titlebout.demo.environment import connections
from titlebout.demo.failure import wait_until
from titlebout.demo.folder import DemoFolder
from titlebout.demo.processes import ProcessBook
from titlebout.project import load_model_spec
from titlebout.wiring import build_host

LEADER_SECONDS = 60.0


def stop_services(folder: DemoFolder) -> list[str]:
    """Stop all processes of a demo and return their names; none when nothing runs."""
    # Airflow first: a task that still runs could start the model server again.
    stopped = ProcessBook(folder.pids, folder.root).stop_all()
    if folder.servers.exists():
        model = folder.dataset
        host = build_host(load_model_spec(model), connections(folder).__getitem__)
        if host.find(model):
            stopped.append("model server")
        host.stop(model)
    return stopped


def stop_demo(folder: DemoFolder) -> list[str]:
    """Stop a demo from outside and return what was stopped.

    Raises:
        DemoError: The process that leads the demo does not end.
    """
    leader = folder.holder()
    if leader is None:
        with folder.held():
            return stop_services(folder)
    os.kill(leader, signal.SIGTERM)
    wait_until(
        lambda: True if folder.holder() is None else None,
        deadline_seconds=LEADER_SECONDS,
        what=f"stopping the {folder.dataset} demo (process {leader})",
    )
    return [f"the demo of process {leader} with all its services"]
