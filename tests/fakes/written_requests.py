"""Lines of the inference log, as a server writes them."""

from titlebout.core.inference_log.log_lines import LoggedRequest, line


def request_line(request: LoggedRequest) -> bytes:
    """Return the line of some rows of a request."""
    return line([*request[:7], request.release.release, request.rows, request.scores])
