"""The report pages on Airflow's real API server, behind its real log-in."""

import inspect
from pathlib import Path

import pytest

from fakes.drift_reports import DAYS
from fakes.read_page import ReadPage
from fakes.recorded_bouts import CHALLENGER, NIGHT
from titlebout.core.ledgers.ledger import EntryKind

pytestmark = pytest.mark.airflow

PAGES = (
    "/titlebout/demand",
    "/titlebout/demand/partitions/2024-05-02",
    "/titlebout/demand/partitions/2024-05-02?revision=1",
    "/titlebout/demand/partitions/2024-05-02.json?revision=1",
)
BOUT = f"/titlebout/demand/bouts/{NIGHT}"
DRIFT = f"/titlebout/demand/drift/{DAYS[-1]}"


@pytest.fixture
def version(delivered) -> str:
    """Return the version whose files the lake holds."""
    (trained,) = delivered.ledger.entries("demand", kinds={EntryKind.CHALLENGER_TRAINED})
    return trained.payload["version"]


def routes():
    from titlebout.web.application import build_application

    return build_application().routes


def test_every_route_refuses_who_is_not_logged_in_and_only_reads(visitors, version):
    from fastapi.routing import APIRoute

    found = routes()
    assert len(found) == 11
    for route in found:
        # A mounted app, a page with the API's description or a web socket would need a guard of its own kind.
        assert isinstance(route, APIRoute), route
        assert route.methods == {"GET"}
        # An async function would stop the whole API server while it reads from the lake.
        assert not inspect.iscoroutinefunction(route.endpoint)
        day = {"bouts": NIGHT, "drift": DAYS[-1]}.get((route.path.split("/") + [""] * 2)[2], "2024-05-01")
        path = route.path.replace("{model}", "demand").replace("{partition}", day).replace("{version}", version)
        path = path.replace("{trial}", "9")
        assert "{" not in path
        assert visitors.stranger.get(f"/titlebout{path}").status_code == 401, path
        assert visitors.reader.get(f"/titlebout{path}").status_code == 200, path


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_those_who_may_read_the_dag(visitors, path):
    answers = [client.get(path) for client in (visitors.stranger, visitors.nobody, visitors.reader)]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    assert "2024-05-02" in answers[2].text
    for refused in answers[:2]:
        text = ReadPage(refused.text).text
        assert "quarantine" not in text
        assert "partition" not in text


def test_the_right_that_counts_is_to_read_this_models_nightly_dag(visitors, monkeypatch):
    from airflow.api_fastapi.app import get_auth_manager

    asked = []

    def may(self, *, method, user, access_entity=None, details=None):
        asked.append((method, details.id))
        return details.id == "demand_nightly"

    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", may)
    assert visitors.nobody.get("/titlebout/demand").status_code == 200
    assert visitors.nobody.get("/titlebout/other").status_code == 403
    assert visitors.nobody.get("/titlebout/other/partitions/2024-05-03").status_code == 403
    assert asked == [("GET", "demand_nightly"), ("GET", "other_nightly"), ("GET", "other_nightly")]


def test_the_index_names_only_models_whose_dag_may_be_read(visitors):
    page = visitors.reader.get("/titlebout/")
    assert ReadPage(page.text).links.count("demand") == 1
    assert "other" not in page.text  # Airflow knows no DAG of this model, so nobody can have been given the right
    assert "demand" not in ReadPage(visitors.nobody.get("/titlebout/").text).text


def test_the_cookie_of_the_ui_is_honoured(visitors, airflow_app):
    from fastapi.testclient import TestClient

    token = visitors.reader.headers["Authorization"].removeprefix("Bearer ")
    browser = TestClient(airflow_app, cookies={"_token": token})
    assert browser.get(PAGES[1]).status_code == 200
    assert TestClient(airflow_app, cookies={"_token": token[:-2] + "xx"}).get(PAGES[1]).status_code in {401, 403}


def test_who_is_not_logged_in_is_led_to_the_log_in_and_back(visitors):
    page = ReadPage(visitors.stranger.get(f"{PAGES[2]}").text)
    (login,) = [link for link in page.links if "login" in link]
    assert login == ("../../../api/v2/auth/login?next=%2Ftitlebout%2Fdemand%2Fpartitions%2F2024-05-02%3Frevision%3D1")
    assert visitors.stranger.get("/" + login.lstrip("./")).status_code == 307


@pytest.mark.parametrize(
    "path",
    [
        "/titlebout/Demand",
        "/titlebout/demand.yaml",
        "/titlebout/unknown",
        "/titlebout/..%2f..%2fetc",
        "/titlebout/%2e%2e",
        "/titlebout/demand%00",
        "/titlebout/demand%0a",
        "/titlebout/demand/partitions/2024-5-1",
        "/titlebout/demand/partitions/2024-02-30",
        "/titlebout/demand/partitions/2024-05-02%0a",
        "/titlebout/demand/partitions/%D9%A2%D9%A0%D9%A2%D9%A4-05-02",
        "/titlebout/demand/partitions/.json",
        "/titlebout/demand/partitions/%2e%2e.json",
        "/titlebout/demand/partitions/..%2f..%2fversions",
        "/titlebout/demand/partitions/2030-01-01",
        "/titlebout/demand/partitions/2024-05-02?revision=7",
        "/titlebout/demand/partitions/2024-05-02?revision=-1",
        "/titlebout/demand/partitions/2024-05-02?revision=<script>",
        "/titlebout/demand/partitions/2024-05-02.json",  # its newest revision was not judged yet
        "/titlebout/demand/partitions/2024-05-02.json.json",
        "/titlebout/demand/bouts/2024-05-01",  # nobody met on this night
        "/titlebout/demand/bouts/2024-02-30",
        "/titlebout/demand/bouts/..%2fpartitions",
        "/titlebout/demand/bouts/2024-05-01.json",
        f"{BOUT}?entry=1",
        f"{BOUT}?entry=<script>",
        f"{BOUT}.json?entry=1",
        "/titlebout/demand?page=0",
        "/titlebout/demand/",
        "/titlebout/demand/drift/2024-05-02",  # nobody looked at this day
        "/titlebout/demand/drift/2024-05-02.json",
        "/titlebout/demand/drift/2024-02-30",
        "/titlebout/demand/drift/..%2fpartitions",
        f"{DRIFT}?entry=1",
        f"{DRIFT}.json?entry=1",
        f"{DRIFT}?entry=<script>",
        "/titlebout/demand/versions/1",
        "/titlebout/demand/versions/..%2f..%2fpartitions",
        "/titlebout/demand/versions/1.md",
        f"/titlebout/demand/versions/{CHALLENGER}",  # the ledger knows its bout, but not that it was trained
        "/titlebout/openapi.json",
        "/titlebout/docs",
        "/titlebout/redoc",
    ],
)
def test_what_is_no_page_is_not_found_and_not_repeated(visitors, path):
    answer = visitors.reader.get(path)
    assert answer.status_code == 404
    ReadPage(answer.text).check_harmless()
    assert "<script>" not in answer.text
    assert visitors.stranger.get(path).status_code in {401, 404}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [*PAGES, BOUT, DRIFT, "/titlebout/"])
def test_nothing_can_be_changed(visitors, method, path):
    assert visitors.reader.request(method, path).status_code == 405


def test_every_answer_forbids_scripts_and_foreign_frames(visitors):
    for path in (*PAGES, BOUT, DRIFT, "/titlebout/", "/titlebout/nope", "/titlebout/a/b"):
        for client in (visitors.stranger, visitors.reader):
            headers = client.get(path).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src" not in policy
            assert "frame-ancestors 'self'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "private, no-store"


def test_a_bout_is_for_those_who_may_read_the_dag(visitors):
    for path in (BOUT, f"{BOUT}.json"):
        assert [client.get(path).status_code for client in (visitors.stranger, visitors.nobody)] == [401, 403]
    page = ReadPage(visitors.reader.get(BOUT).text)
    page.check_harmless()
    assert CHALLENGER in page.text
    for link in page.links:
        if "bouts" in link or ".json" in link:
            assert visitors.reader.get(f"/titlebout/demand/bouts/{link}").status_code == 200
    assert visitors.reader.get(f"{BOUT}.json").json()["verdict"]["challenger"] == CHALLENGER


def test_a_drift_report_is_for_those_who_may_read_the_dag(visitors):
    for path in (DRIFT, f"{DRIFT}.json"):
        assert [client.get(path).status_code for client in (visitors.stranger, visitors.nobody)] == [401, 403]
    page = ReadPage(visitors.reader.get(DRIFT).text)
    page.check_harmless()
    assert "Drift found" in page.text
    assert "<script>alert(1)</script>" in page.text
    (other,) = [link for link in page.links if link.startswith("?entry=")]
    assert "No drift" in ReadPage(visitors.reader.get(f"{DRIFT}{other}").text).text
    (document,) = [link for link in page.links if ".json" in link]
    assert visitors.reader.get(f"/titlebout/demand/drift/{document}").json()["partition"] == DAYS[-1]


def test_where_no_drift_report_is_the_page_says_why_and_what_makes_one(visitors):
    later = ReadPage(visitors.reader.get("/titlebout/demand/drift/2099-01-01").text).text
    assert "Nobody has looked for drift in demand since 2099-01-01 came" in later
    assert "demand_drift" in later
    assert "titlebout drift demand --look" in later
    earlier = ReadPage(visitors.reader.get("/titlebout/demand/drift/2020-01-01").text).text
    assert "No such look was made at demand when 2020-01-01 was its newest partition" in earlier


def test_a_drift_report_that_was_changed_in_the_lake_is_not_shown(visitors, home: Path):
    reports = [*(home / "lake" / "demand" / "drift").rglob("report.json")]
    contents = {report: report.read_bytes() for report in reports}
    for report, content in contents.items():
        report.chmod(0o644)
        report.write_bytes(content.replace(b"temperature", b"temperatur3"))
    try:
        assert [visitors.reader.get(path).status_code for path in (DRIFT, f"{DRIFT}.json")] == [500, 500]
    finally:
        for report, content in contents.items():
            report.write_bytes(content)


def test_the_page_of_a_model_leads_to_its_drift_reports(visitors):
    links = ReadPage(visitors.reader.get("/titlebout/demand").text).links
    looks = [link for link in links if "/drift/" in link]
    assert len(looks) == 2
    for look in looks:
        assert visitors.reader.get(f"/titlebout/{look}").status_code == 200


def test_the_page_of_a_partition_leads_to_what_a_look_for_drift_saw(visitors):
    for day, count in (("2024-05-01", 1), ("2024-05-02", 0)):
        links = ReadPage(visitors.reader.get(f"/titlebout/demand/partitions/{day}").text).links
        assert len([link for link in links if "drift" in link]) == count


def test_the_card_of_a_version_is_for_those_who_may_read_the_dag(visitors, version):
    for path in (f"/titlebout/demand/versions/{version}", f"/titlebout/demand/versions/{version}.md"):
        assert [client.get(path).status_code for client in (visitors.stranger, visitors.nobody)] == [401, 403]
        assert f"titlebout reproduce demand {version}" in visitors.reader.get(path).text
    page = ReadPage(visitors.reader.get(f"/titlebout/demand/versions/{version}").text)
    page.check_harmless()
    assert "Mean absolute SHAP value" in page.text
    markdown = visitors.reader.get(f"/titlebout/demand/versions/{version}.md")
    assert markdown.headers["Content-Type"].startswith("text/markdown")


def test_the_page_of_a_model_leads_to_its_bouts(visitors):
    links = ReadPage(visitors.reader.get("/titlebout/demand").text).links
    (bout,) = [link for link in links if "/bouts/" in link]
    assert visitors.reader.get(f"/titlebout/{bout}").status_code == 200


def test_an_account_that_was_changed_in_the_lake_is_not_shown(visitors, home: Path):
    (account,) = (home / "lake" / "demand" / "bouts").rglob("bout.json")
    content = account.read_bytes()
    account.chmod(0o644)
    account.write_bytes(content.replace(b'"promote"', b'"keep"'))
    try:
        page = visitors.reader.get(BOUT)
        assert "Not everything can be shown" in page.text
        assert "Promote" in page.text  # the verdict is the ledger's
        assert visitors.reader.get(f"{BOUT}.json").status_code == 500
    finally:
        account.write_bytes(content)


def test_hostile_data_is_text_on_the_page(visitors):
    answer = visitors.reader.get(PAGES[2])
    page = ReadPage(answer.text)
    page.check_harmless()
    assert page.text.count("<script>alert(1)</script>") == 2
    assert visitors.reader.get(PAGES[3]).headers["Content-Type"] == "application/json"


def test_inside_airflows_frame_no_link_leads_to_airflow(visitors):
    framed = visitors.reader.get(PAGES[1], headers={"Sec-Fetch-Dest": "iframe"})
    assert "../../../" not in ReadPage(framed.text).links
    assert "../../../" in ReadPage(visitors.reader.get(PAGES[1]).text).links


def test_a_report_that_was_changed_in_the_lake_is_not_shown(visitors, home: Path):
    (report,) = (home / "lake" / "demand" / "partitions" / "2024-05-01").rglob("report-*.json")
    content = report.read_bytes()
    report.chmod(0o644)
    report.write_bytes(content.replace(b'"evaluated": 5', b'"evaluated": 9'))
    try:
        page = visitors.reader.get("/titlebout/demand/partitions/2024-05-01")
        assert page.status_code == 200
        assert "The report cannot be shown" in page.text
        assert "5 expectations; all held." in page.text
        assert visitors.reader.get("/titlebout/demand/partitions/2024-05-01.json").status_code == 500
    finally:
        report.write_bytes(content)


def test_a_ledger_that_does_not_answer_is_said_to_be_down(visitors, monkeypatch):
    from titlebout.core.errors import UnavailableError
    from titlebout.web import application

    def down():
        raise UnavailableError("ledger at db.example does not answer; start it")

    monkeypatch.setattr(application.LEDGER, "get", down)
    answer = visitors.reader.get("/titlebout/demand")
    assert answer.status_code == 503
    assert "ledger at db.example does not answer; start it" in ReadPage(answer.text).text


def test_a_missing_connection_is_named(visitors, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_LEDGER")
    answer = visitors.reader.get("/titlebout/demand")
    assert answer.status_code == 500
    assert "'titlebout_ledger' is not defined" in ReadPage(answer.text).text


def test_airflows_navigation_leads_to_the_pages(visitors):
    from airflow.plugins_manager import get_plugin_info

    (plugin,) = [each for each in get_plugin_info() if each["name"] == "titlebout"]
    (view,) = plugin["external_views"]
    assert view["destination"] == "nav"
    # Relative: the UI resolves it against its own base, which may be a path behind a proxy.
    assert visitors.reader.get(f"/{view['href']}").status_code == 200


def test_a_trial_that_outcomes_decide_is_for_those_who_may_read_the_dag(visitors):
    path = "/titlebout/demand/trials/9"
    answers = [client.get(path) for client in (visitors.stranger, visitors.nobody, visitors.reader)]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    page = ReadPage(answers[2].text)
    assert "The candidate is better" in page.text
    assert "<script>" not in answers[2].text
    for unknown in ("8", "0", "x"):
        assert visitors.reader.get(f"/titlebout/demand/trials/{unknown}").status_code in {404, 422}, unknown
