"""Health check of the container image: exit status 0 when the server in it answers."""

import http.client
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Ask a server on this machine whether it lives."""
    connection = http.client.HTTPConnection("127.0.0.1", int(arguments[0]), timeout=3)
    try:
        connection.request("GET", "/health/live")
        return 0 if connection.getresponse().status == http.client.OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
