import xml.etree.ElementTree as ET

from titlebout.core.insights.explanation import FeatureShare, SwarmFeature
from titlebout.core.pages.shap_chart import importance_svg, swarm_svg

EVIL = "<script>alert(1)</script>" + chr(0x202E)


def share(name: str, shap: float) -> FeatureShare:
    return FeatureShare(name=name, gain=0.5, splits=3, mean_abs_shap=shap)


def widths(svg: str) -> list[float]:
    return [float(each.get("width")) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")]


def test_bars_are_as_long_as_features_matter():
    first, second = widths(importance_svg([share("a", 4.0), share("b", 1.0)], unit="kWh"))
    assert first == 4 * second


def test_features_that_find_no_room_are_counted():
    assert "5 less important features left out" in importance_svg([share(f"f{n}", 1) for n in range(25)], unit="kWh")


def test_each_row_is_a_dot_and_rows_without_a_value_are_told_apart():
    svg = swarm_svg([SwarmFeature(name="a", shap=(1.0, -1.0, 0.5), rank=(0.0, 1.0, -1.0))], unit="kWh")
    paths = [each.get("d") for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")]
    assert [path.count("h0") for path in paths[:3]] == [1, 1, 1]
    assert 'class="dots vm"' in svg


def test_hostile_names_are_text_and_nothing_at_all_is_a_picture_too():
    for svg in (importance_svg([share(EVIL, 1)], unit=EVIL), swarm_svg([], unit=EVIL), importance_svg([], unit="")):
        ET.fromstring(svg)
        assert "<script>" not in svg
        assert chr(0x202E) not in svg
