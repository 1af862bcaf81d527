"""The real data set of the demo: found, fetched, proven by its hash, split into days."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from titlebout.demo.bike_sharing import BikeFeed, load_hours
from titlebout.demo.failure import DemoError

HEADER = "instant,dteday,hr,temp,atemp,casual,registered,cnt"
HOURS = f"""{HEADER}
1,2012-01-01,0,0.24,0.2879,3,13,16
2,2012-01-01,1,0.90,0.1,8,32,40
3,2012-01-02,0,0.2,0.2,5,27,32
""".encode()
SHA256 = hashlib.sha256(HOURS).hexdigest()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in files.items():
            opened.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


@contextmanager
def served(body: bytes, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/bikes.zip", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_given_folder_is_used_and_nothing_is_fetched(tmp_path):
    (tmp_path / "hour.csv").write_bytes(HOURS)
    assert load_hours(tmp_path, tmp_path / "cache", url="http://127.0.0.1:9/", sha256=SHA256) == HOURS
    assert not (tmp_path / "cache").exists()


def test_the_subfolder_bike_sharing_of_a_given_folder_comes_first(tmp_path):
    (tmp_path / "bike_sharing").mkdir()
    (tmp_path / "bike_sharing" / "hour.csv").write_bytes(HOURS)
    (tmp_path / "hour.csv").write_bytes(b"another file")
    assert load_hours(tmp_path, tmp_path, sha256=SHA256) == HOURS


def test_a_given_folder_without_the_file_is_named(tmp_path):
    with pytest.raises(DemoError, match=r"TITLEBOUT_DATA: found neither .*bike_sharing/hour\.csv nor .*hour\.csv"):
        load_hours(tmp_path, tmp_path, sha256=SHA256)


def test_a_given_file_with_other_bytes_is_refused(tmp_path):
    (tmp_path / "hour.csv").write_bytes(HOURS + b"x")
    with pytest.raises(DemoError, match=f"expected {SHA256}"):
        load_hours(tmp_path, tmp_path, sha256=SHA256)


def test_a_download_is_kept_and_not_fetched_twice(tmp_path):
    with served(archive(hour_csv=HOURS, day_csv=b"not wanted")) as (url, asked):
        assert load_hours(None, tmp_path, url=url, sha256=SHA256) == HOURS
        assert load_hours(None, tmp_path, url=url, sha256=SHA256) == HOURS
    assert len(asked) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["hour.csv"]


def test_a_cached_file_that_rotted_is_fetched_again(tmp_path):
    (tmp_path / "bike_sharing").mkdir()
    (tmp_path / "bike_sharing" / "hour.csv").write_bytes(b"rotten")
    with served(archive(hour_csv=HOURS)) as (url, asked):
        assert load_hours(None, tmp_path, url=url, sha256=SHA256) == HOURS
    assert len(asked) == 1


def test_another_file_in_the_archive_is_refused_with_address_both_hashes_and_remedy(tmp_path):
    with served(archive(hour_csv=b"other rows")) as (url, _), pytest.raises(DemoError) as raised:
        load_hours(None, tmp_path, url=url, sha256=SHA256)
    for told in (url, SHA256, hashlib.sha256(b"other rows").hexdigest(), "TITLEBOUT_DATA"):
        assert told in str(raised.value)
    assert not list(tmp_path.rglob("hour.csv"))


@pytest.mark.parametrize("body", [b"no archive", archive(day_csv=b"x")])
def test_what_is_no_archive_with_the_file_is_refused(tmp_path, body):
    with served(body) as (url, _), pytest.raises(DemoError, match=r"no zip archive with hour\.csv.*TITLEBOUT_DATA"):
        load_hours(None, tmp_path, url=url, sha256=SHA256)


def test_without_a_connection_the_error_names_address_and_remedy(tmp_path):
    with pytest.raises(DemoError, match=r"http://127\.0\.0\.1:9/x\.zip: cannot be downloaded .* TITLEBOUT_DATA"):
        load_hours(None, tmp_path, url="http://127.0.0.1:9/x.zip", sha256=SHA256)


def test_an_error_page_is_not_taken_for_the_archive(tmp_path):
    with served(b"gone", status=404) as (url, _), pytest.raises(DemoError, match="404"):
        load_hours(None, tmp_path, url=url, sha256=SHA256)


def test_an_endless_download_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr("titlebout.demo.bike_sharing.MAX_BYTES", 1000)
    with served(b"0" * 5000) as (url, _), pytest.raises(DemoError, match="more than 1000 bytes"):
        load_hours(None, tmp_path, url=url, sha256=SHA256)


def test_a_day_keeps_the_header_and_the_text_of_its_rows():
    assert BikeFeed(HOURS).day("2012-01-01") == b"\n".join(HOURS.splitlines()[:3]) + b"\n"


def test_injected_drift_cools_the_hour_down_and_keeps_the_parts_adding_up():
    rows = BikeFeed(HOURS).day("2012-01-01", drifted=True).decode().splitlines()
    assert rows[1] == "1,2012-01-01,0,0.0400,0.0879,5,23,28"
    assert rows[2] == "2,2012-01-01,1,0.7000,0.0000,14,58,72"
