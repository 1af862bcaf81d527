"""The model server over HTTP, wherever it runs: its releases, its trials, its predictions, and its inference log."""

from titlebout.adapters.http_server.http_server_client import HttpServerClient, Predictions
from titlebout.adapters.http_server.http_server_log import HttpServerLog

__all__ = ["HttpServerClient", "HttpServerLog", "Predictions"]
