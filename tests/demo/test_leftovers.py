"""Stopping a demo from outside, whether its leader lives or was killed."""

import os
import subprocess
import sys

import pytest

from titlebout.demo.folder import DemoFolder
from titlebout.demo.leftovers import stop_demo, stop_services
from titlebout.demo.processes import ProcessBook, is_alive

LEAD = (
    "import signal, sys, time; from pathlib import Path; from titlebout.demo.folder import DemoFolder\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
    "with DemoFolder(Path(sys.argv[1]), 'demand_demo').held(): print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def folder(tmp_path):
    return DemoFolder(tmp_path, "demand_demo")


def test_a_demo_that_never_ran_has_nothing_to_stop(folder):
    assert stop_demo(folder) == []


def test_the_leader_of_a_running_demo_is_asked_to_end(folder):
    with subprocess.Popen([sys.executable, "-c", LEAD, folder.project], stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        assert stop_demo(folder) == [f"the demo of process {leader.pid} with all its services"]
        assert leader.wait(10) == 0


def test_services_of_a_demo_that_was_killed_are_stopped(folder):
    folder.make_afresh()
    book = ProcessBook(folder.pids, folder.root)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    service = book.start("scheduler", command, environment=dict(os.environ), log=folder.logs / "scheduler.log")
    assert stop_demo(folder) == ["scheduler"]
    assert not is_alive(service.pid)


def test_a_model_server_is_stopped_with_the_rest(folder):
    from titlebout.adapters.process_host import ProcessHost

    folder.make_afresh()
    host = ProcessHost(folder.servers)
    host.ensure_running("demand_demo")
    assert stop_services(folder) == ["model server"]
    assert host.find("demand_demo") is None
