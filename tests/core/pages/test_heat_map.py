import pytest

from fakes.drift_reports import DAYS, a_column, a_day
from titlebout.core.pages.heat_map import WIDTH, heat_map


def test_rows_are_columns_and_cells_are_days_in_order():
    days = [a_day(key) for key in DAYS]
    chart = heat_map(days, [a_column("temperature", 2.5), a_column("weather")])
    assert [row.name for row in chart.rows] == ["temperature", "weather"]
    cells = chart.rows[0].cells
    assert [cell.x for cell in cells] == sorted(cell.x for cell in cells)
    assert len(cells) == len(days)
    assert cells[-1].x + chart.cell <= WIDTH
    assert (cells[0].text, cells[-1].text) == ("", "2.5")


def test_only_what_is_beyond_its_limit_shows_its_number_and_another_colour():
    styles = {}
    for excess in (0.0, 0.3, 0.6, 0.99, 1.0, 1.2, 2.0, 50.0, 1e9):
        cell = heat_map([a_day(key) for key in DAYS], [a_column("a", excess)]).rows[0].cells[-1]
        styles[excess] = (cell.style, cell.text)
    assert [style for style, text in styles.values() if not text] == ["heat0", "heat1", "heat2", "heat3", "heat3"]
    assert [*styles.values()][5:] == [("heat4", "1.2"), ("heat5", "2.0"), ("heat6", "50"), ("heat6", "99+")]


def test_a_long_name_is_cut_and_kept_whole_beside_it():
    (row,) = heat_map([a_day(key) for key in DAYS], [a_column("x" * 60)]).rows
    assert (len(row.label), len(row.name)) == (26, 60)


@pytest.mark.parametrize("days", [1, 2, 42, 300])
def test_any_number_of_days_fits(days):
    shown = [a_day(f"{1900 + n:04d}-01-01") for n in range(days)]
    column = a_column("a").model_copy(update={"changes": {day.partition: ("location", 1.0, 2.0) for day in shown}})
    chart = heat_map(shown, [column.model_validate(column.model_dump())])
    assert chart.rows[0].cells[-1].x + chart.cell <= WIDTH + 0.5
    assert 1 <= len(chart.dates) <= 6


def test_without_a_judged_column_there_is_no_map():
    assert heat_map([a_day(DAYS[0])], []) is None
    assert heat_map([], [a_column("a")]) is None
