"""Which small faults in the bout's modules its quick tests do not find: the mutation score.

python benchmarks/mutation.py [--quick] [--check] [MODULE ...]

Each mutant is a fork of one process that holds the libraries already, and runs only the tests that reach the changed
line. (mutmut leaves decorated functions and whole statements alone; cosmic-ray starts a process for each mutant.)
"""

import argparse
import ast
import hashlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest  # noqa: E402 - the environment has to come first

from mutation_operators import Mutant, mutants_of  # noqa: E402
from mutation_reach import Chosen, Reach, Watched  # noqa: E402
from results_page import machine, print_json, write_section  # noqa: E402

GOAL = 0.95
QUICK_MUTANTS = 60
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
PACKAGE = "titlebout.core"
MODULES = (
    *("bouts.comparison", "bouts.holdout_overlap", "bouts.verdict_rules", "bouts.bout_checks"),
    *("bouts.block_errors", "bouts.resampling"),
    "windows",
)
TESTS = (
    *(f"tests/core/bouts/test_{module.partition('.')[2]}.py" for module in MODULES[:-1]),
    "tests/core/test_windows.py",
    "tests/core/test_worked_examples.py",
)
# Loaded before the first fork; nothing here may import a module that is changed.
LIBRARIES = ("numpy", "pyarrow", "pydantic", "hypothesis", "scipy.special", "sklearn.metrics", "xgboost")
OURS = ("titlebout.core.results", "titlebout.core.specs.spec", "titlebout.core.versions")
GRACE_SECONDS = 15.0
MEMORY_BYTES = 4 << 30


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from other source than that on disk."""

    def __init__(self, module: str, source: str) -> None:
        """Remember name and source."""
        self._module, self._source = module, source

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Claim the module."""
        return importlib.util.spec_from_loader(name, self) if name == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self._source, f"<{self._module}>", "exec"), vars(module))


def forked(work: Callable[[], int], limit_seconds: float) -> int | None:
    """Run something in a copy of this process and return its exit status; None when it took too long."""
    child = os.fork()
    if not child:
        status = 1
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(silence, stream)
            status = work()
        finally:
            os._exit(status)
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_tests(files: Sequence[str], plugin: object) -> int:
    """Run tests in this process, always in the same way, until the first that fails."""
    import hypothesis

    # A failure is enough: no smaller example is looked for, and none is remembered.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutation")
    switched_off = [f"no:{name}" for name in ("randomly", "cacheprovider", "cov", "xdist", "faulthandler")]
    return int(pytest.main(["-x", "-q", *(f"-p{name}" for name in switched_off), *files], plugins=[plugin]))


def reach(files: Mapping[str, str]) -> Reach:
    """Run all tests once, unchanged, in a fork."""
    with tempfile.NamedTemporaryFile(suffix=".json") as found:

        def watch() -> int:
            watched = Watched(files.values())
            status = run_tests([test for test in TESTS if (ROOT / test).exists()], watched)
            by_line = {module: watched.lines(file) for module, file in files.items()}
            Path(found.name).write_text(json.dumps({"seconds": watched.seconds, "by_line": by_line}), encoding="utf-8")
            return status

        status = forked(watch, 900)
        if status != 0:
            message = f"the tests fail while nothing is changed (exit status {status}); run them: {' '.join(TESTS)}"
            raise SystemExit(message)
        return Reach(**json.loads(Path(found.name).read_bytes()))


def is_killed(module: str, mutant: Mutant, reached: Reach) -> bool:
    """Whether some test notices; one that hangs, crashes or eats all memory has noticed too."""
    tests = reached.tests(module, mutant.lines)

    def work() -> int:
        resource.setrlimit(resource.RLIMIT_AS, (_virtual_bytes() + MEMORY_BYTES,) * 2)
        sys.meta_path.insert(0, Changed(module, mutant.source))
        return run_tests(sorted({test.partition("::")[0] for test in tests}), Chosen(tests))

    return bool(tests) and forked(work, GRACE_SECONDS + 5 * sum(reached.seconds[test] for test in tests)) != 0


def _virtual_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def section(score: float, counts: Mapping[str, tuple[int, int]], survivors: Sequence[str], minutes: float) -> str:
    """Return the section of the results page."""
    reasons = json.loads(EQUIVALENT.read_bytes())
    return "\n".join(
        [
            "## Faults that the bout's tests notice (`python benchmarks/mutation.py`)",
            "",
            f"{machine()}; one process, {minutes:.0f} minutes. **{score:.1%}** of all mutants are noticed, "
            f"goal {GOAL:.0%}.",
            "",
            "| module | mutants | noticed |",
            "|---|---|---|",
            *(f"| `{name}` | {total} | {killed} ({killed / total:.1%}) |" for name, (killed, total) in counts.items()),
            "",
            "Not noticed, each with the reason why it is the same program where there is one:",
            "",
            *(f"- {name}: {reasons.get(name, '**open**')}" for name in survivors),
        ]
    )


def main() -> int:
    """Measure, print, write the section, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"some of {', '.join(MODULES)}")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_MUTANTS} mutants, always the same; nothing is written"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where the goal is missed")
    options = parser.parse_args()
    os.chdir(ROOT)
    started = time.monotonic()
    names = [f"{PACKAGE}.{module}" for module in options.modules or MODULES]
    files = {name: str(ROOT / "plugins" / f"{name.replace('.', '/')}.py") for name in names}
    for library in (*LIBRARIES, *OURS):
        importlib.import_module(library)
    assert not set(names) & set(sys.modules), "a changed module would be the unchanged one"
    reached = reach(files)
    for name, file in files.items():
        source = Path(file).read_text("utf-8")
        if is_killed(name, Mutant("unchanged", (1, len(source.splitlines())), ast.unparse(ast.parse(source))), reached):
            message = f"{name}: its tests fail where nothing but comments is changed, so they prove nothing"
            raise SystemExit(message)
    every = [(name, each) for name in names for each in mutants_of(Path(files[name]).read_text("utf-8"), _short(name))]
    if options.quick:
        every = sorted(every, key=lambda pair: hashlib.sha256(pair[1].name.encode()).digest())[:QUICK_MUTANTS]
    found = []
    for module, mutant in every:
        found.append((module, mutant.name, is_killed(module, mutant, reached)))
        if not found[-1][2]:
            print(f"not noticed: {mutant.name}", flush=True)
    counts = {
        name: (sum(killed for module, _, killed in found if module == name), total)
        for name in names
        if (total := sum(module == name for module, _, _ in found))
    }
    survivors = [name for _, name, killed in found if not killed]
    score = 1 - len(survivors) / len(found)
    if not options.quick and not options.modules:
        write_section("mutation", section(score, counts, survivors, (time.monotonic() - started) / 60))
    print_json({"mutants": len(found), "noticed": len(found) - len(survivors), "score": score, "survivors": survivors})
    return 1 if options.check and score < GOAL else 0


def _short(module: str) -> str:
    return module.rpartition(".")[2]


if __name__ == "__main__":
    raise SystemExit(main())
