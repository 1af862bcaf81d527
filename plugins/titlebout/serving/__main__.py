"""Command line of the model server: `python -m titlebout.serving --help`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

EPILOG = """\
The server starts empty and answers 503 until a release is pushed to it; after a restart it serves the newest
release of its state folder. The admin token comes from TITLEBOUT_ADMIN_TOKEN, or from a file that is made on
the first start. SIGTERM ends it after the running requests.

example:
  python -m titlebout.serving --model bike_demand --state-dir /var/lib/titlebout/bike_demand --port 8080
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a model server until it is told to stop."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    # One request, one thread: scoring a row takes microseconds, and idle OpenMP threads would spin meanwhile.
    # Set before NumPy and XGBoost are loaded, hence the late imports.
    os.environ.update(OMP_WAIT_POLICY="PASSIVE", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)

    from titlebout.core.errors import DeploymentError
    from titlebout.core.wire import ADDRESS_FILE, ADMIN_TOKEN_FILE
    from titlebout.serving.proof import without_sklearn
    from titlebout.serving.server_process import admin_token, serve
    from titlebout.serving.settings import ServingSettings

    without_sklearn()
    state_dir: Path = options.state_dir.absolute()
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = admin_token(options.admin_token_file or state_dir / ADMIN_TOKEN_FILE)
        serve(
            ServingSettings(model=options.model, state_dir=state_dir, admin_token=token),
            host=options.host,
            port=options.port,
            address_file=options.address_file or state_dir / ADDRESS_FILE,
        )
    except (DeploymentError, OSError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400  # a mistake of the caller needs no stack
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m titlebout.serving",
        description="Serve the champion of one model over HTTP.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, help="name of the model; releases of others are refused")
    parser.add_argument("--state-dir", required=True, type=Path, help="folder of this server alone; made if missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", default=0, type=int, help="port to listen on; 0, or one that is taken: a free one (default: 0)"
    )
    parser.add_argument(
        "--address-file", type=Path, help="where to write pid and port as JSON (default: <state-dir>/address.json)"
    )
    parser.add_argument(
        "--admin-token-file", type=Path, help="secret that a push must present (default: <state-dir>/admin_token)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
