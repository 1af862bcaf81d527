"""Command line of the model server: `python -m titlebout.serving --help`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titlebout.serving.settings import ServingSettings

EPILOG = """\
The server starts empty and answers 503 until a release is pushed to it; after a restart it serves the newest
release of its state folder. The admin token comes from TITLEBOUT_ADMIN_TOKEN, or from a file that is made on
the first start. Predictions need a token where some are set, in TITLEBOUT_PREDICT_TOKENS, in <state-dir>/predict_tokens
or by PUT /admin/tokens, and on every address but the loopback. SIGTERM ends it after the running requests.

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
    from titlebout.core.wire import ADDRESS_FILE
    from titlebout.serving.proof import without_sklearn
    from titlebout.serving.server_process import TlsFiles, serve

    without_sklearn()
    state_dir: Path = options.state_dir.absolute()
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        serve(
            _settings(options, state_dir),
            host=options.host,
            port=options.port,
            address_file=options.address_file or state_dir / ADDRESS_FILE,
            tls=TlsFiles(options.ssl_certfile, options.ssl_keyfile) if options.ssl_certfile else None,
        )
    except (DeploymentError, OSError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400  # a mistake of the caller needs no stack
        return 1
    return 0


def _settings(options: argparse.Namespace, state_dir: Path) -> "ServingSettings":
    from titlebout.core.wire import ADMIN_TOKEN_FILE, OPEN_PREDICTIONS, checked_model_name
    from titlebout.serving.server_process import admin_token, is_loopback
    from titlebout.serving.settings import ServingSettings

    file: Path = options.admin_token_file or state_dir / ADMIN_TOKEN_FILE
    is_open = is_loopback(options.host) or options.open_predictions or os.environ.get(OPEN_PREDICTIONS) == "1"
    return ServingSettings(
        model=checked_model_name(options.model),
        state_dir=state_dir,
        admin_token=admin_token(file),
        admin_token_file=None if os.environ.get("TITLEBOUT_ADMIN_TOKEN") else file,
        predict_tokens=tuple(os.environ.get("TITLEBOUT_PREDICT_TOKENS", "").replace(",", " ").split()),
        needs_token=not is_open,
    )


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
    parser.add_argument(
        "--open-predictions",
        action="store_true",
        help="predictions need no token as long as none is set, though others reach this server; on the loopback, and "
        "with TITLEBOUT_OPEN_PREDICTIONS=1, that is so anyway",
    )
    parser.add_argument("--ssl-certfile", type=Path, help="certificate in PEM; the server speaks HTTPS")
    parser.add_argument("--ssl-keyfile", type=Path, help="its private key, where the certificate's file holds none")
    return parser


if __name__ == "__main__":
    sys.exit(main())
