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


def test_the_demo_does_not_import_airflow():
    import subprocess
    import sys

    code = "import sys, titlebout.demo.__main__; sys.exit('airflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
