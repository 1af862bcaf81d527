from titlebout.core.ledgers.ledger import PartitionStatus
from titlebout.core.pages.day_chart import HEIGHT, WIDTH, DayRows, day_chart, last_of
from titlebout.core.partitions import keys_between

ACCEPTED = PartitionStatus.ACCEPTED


def days(*rows: int, first: str = "2024-05-01") -> dict[str, DayRows]:
    keys = keys_between(first, "2024-12-31")
    return {key: DayRows(count, ACCEPTED) for key, count in zip(keys, rows, strict=False)}


def test_twice_the_rows_are_a_bar_of_twice_the_height():
    first, second = day_chart(days(100, 200), last="2024-05-02").bars
    assert round(second.height / first.height, 2) == 2
    assert (first.y + first.height, first.rows) == (second.y + second.height, 100)


def test_a_missing_day_leaves_its_place_empty():
    with_gap = days(5, 5, 5)
    del with_gap["2024-05-02"]
    first, third = day_chart(with_gap, last="2024-05-03").bars
    assert third.x - first.x > 1.5 * first.width * 4 / 3


def test_everything_lies_inside_the_picture():
    chart = day_chart(days(*range(400)), last="2024-12-31", usual=(-5.0, 10_000.0))
    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert bar.y >= 0
        assert bar.y + bar.height <= HEIGHT
    top, height = chart.band
    assert top >= 0
    assert height > 0
    assert top + height <= HEIGHT
    assert len(chart.bars) <= 60


def test_one_row_among_many_is_still_a_bar():
    assert day_chart(days(1_000_000, 1), last="2024-05-02").bars[1].height >= 1


def test_one_day_is_no_picture():
    assert day_chart(days(24), last="2024-05-01") is None
    assert day_chart({}, last="2024-05-01") is None


def test_days_of_no_rows_at_all_can_be_drawn():
    assert len(day_chart(days(0, 0), last="2024-05-02").bars) == 2


def test_the_day_of_the_page_is_marked_and_followed_by_a_fortnight_at_most():
    known = days(*[24] * 100)
    last = last_of(known, "2024-05-10")
    assert last == "2024-05-24"
    chart = day_chart(known, last=last, shown="2024-05-10")
    assert [bar.key for bar in chart.bars if bar.is_shown] == ["2024-05-10"]
    assert last_of({}, "2024-05-10") == "2024-05-10"
