import jinja2
import pytest

from titlebout.core.pages.page_frame import Place, render


def test_crumbs_lead_up_from_wherever_the_page_stands():
    page = render("problem.html", Place("../../"), {"demand": "demand", "x": ""}, title="t", message="m", action=None)
    assert '<a href="../../">Titlebout</a>' in page
    assert '<a href="../../demand">demand</a>' in page
    assert '<span aria-current="page">x</span>' in page
    assert '<a href="../../../">Airflow</a>' in page


def test_a_value_that_a_template_asks_for_in_vain_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        render("problem.html", Place(), {}, title="t", message="m")


def test_the_styles_are_in_the_page():
    page = render("problem.html", Place(), {}, title="t", message="m", action=None)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "&gt;" not in page.partition("</style>")[0]
