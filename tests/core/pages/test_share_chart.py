from fakes.drift_reports import a_distribution
from titlebout.core.drift_accounts.drift_account import ShareAccount
from titlebout.core.pages.share_chart import WIDTH, share_chart


def test_numbers_stand_upright_as_high_as_their_share():
    chart = share_chart(a_distribution())
    first, second, _ = (bar for bar in chart.bars if bar.style == "newest")
    assert second.height == 4 * first.height
    assert second.y + second.height == first.y + first.height
    assert chart.outline.startswith("M8 ")
    assert [text for *_, text, _ in chart.labels] == ["1", "2", "4"]


def test_names_lie_one_below_the_other_with_both_sides():
    chart = share_chart(a_distribution(is_numeric=False))
    clear = [bar for bar in chart.bars if bar.words.startswith("clear")]
    assert [bar.style for bar in clear] == ["reference", "newest"]
    assert clear[0].width == 2.5 * clear[1].width
    assert max(bar.x + bar.width for bar in chart.bars) < WIDTH
    assert "(empty text)" in [text for _, _, text, _ in chart.labels]


def test_a_distribution_of_nothing_is_not_drawn():
    nothing = a_distribution().model_copy(update={"bins": (ShareAccount("a", 0.0, 0.0),)})
    assert share_chart(nothing) is None
    assert share_chart(nothing.model_copy(update={"bins": ()})) is None
