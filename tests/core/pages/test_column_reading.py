from titlebout.core.pages.column_reading import MAX_COLUMNS, read_columns


def test_columns_come_in_the_order_of_the_snapshot():
    columns = {"a": {"nulls": 3, "low": 1}, "b": {"nulls": 0, "categories": {"x": 2, "y": 5, "z": 0}}, "c": {}}
    found = read_columns({"rows": 12, "columns": columns}, {"a": {"null_share": 0.5}}, {"b": "text", "a": "number"})
    assert [(each.name, each.kind) for each in found] == [("b", "text"), ("a", "number"), ("c", "")]
    assert (found[1].null_share, found[1].usual_null_share, found[1].low) == (0.25, 0.5, "1")
    assert found[0].top == "y (5), x (2)"
    assert found[2].null_share is None


def test_very_many_columns_are_cut_off():
    columns = {f"c{n}": {} for n in range(MAX_COLUMNS + 1)}
    assert len(read_columns({"rows": 1, "columns": columns}, {}, {})) == MAX_COLUMNS
