"""The command line of the demo."""

import pytest

from titlebout.demo.__main__ import main


@pytest.mark.parametrize("dataset", ["bike_sharin", ""])
def test_a_data_set_that_does_not_exist_is_refused_before_anything_starts(monkeypatch, capsys, dataset):
    monkeypatch.setenv("DATASET", "demand_demo")
    with pytest.raises(SystemExit):
        main(["up", "--dataset", dataset])
    assert "bike_sharing" in capsys.readouterr().err


def test_a_misspelt_environment_variable_is_refused_with_the_nearest_name(monkeypatch, capsys):
    monkeypatch.setenv("DATASET", "bike_sharin")
    with pytest.raises(SystemExit):
        main([])
    assert "did you mean 'bike_sharing'?" in capsys.readouterr().err


def test_generated_days_are_written_where_they_are_wanted(tmp_path):
    assert main(["write", "--to", str(tmp_path / "days"), "--first", "2024-06-06", "--last", "2024-06-08"]) == 0
    sizes = {path.name: len(path.read_text().splitlines()) for path in (tmp_path / "days").iterdir()}
    assert sizes == {"2024-06-06.csv": 97, "2024-06-07.csv": 1, "2024-06-08.csv": 97}  # the second is broken on purpose


@pytest.mark.parametrize(
    "days", [("2020-01-01", "2024-01-01"), ("2024-01-02", "2024-01-01"), ("2024-13-01", "2024-13-02")]
)
def test_days_that_the_generator_does_not_have_are_refused(tmp_path, capsys, days):
    assert main(["write", "--to", str(tmp_path / "days"), "--first", days[0], "--last", days[1]]) == 1
    assert not (tmp_path / "days").exists()


def test_the_demo_does_not_import_airflow():
    import subprocess
    import sys

    code = "import sys, titlebout.demo.__main__; sys.exit('airflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
