from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.partitions import keys_between
from titlebout.steps.tell_rows_apart import tell_rows_apart


def serving(spec, change, newest=("2024-01-14", "2024-01-16")):
    """A champion of ten days of January serves, and newer days have come."""
    world = DemandWorld(spec=spec)
    world.deliver_days("2024-01-01", "2024-01-13")
    champion = world.train("2024-01-13", spec)
    world.release(champion)
    for key in keys_between(*newest):
        world.deliver(key, change(demand_rows(key)))
    return world


def told(world):
    return tell_rows_apart(world.spec, lake=world.lake, ledger=world.ledger)


def test_ordinary_rows_are_not_told_apart():
    evidence = told(serving(demand_spec(), lambda rows: rows))
    assert evidence.low <= 0.5
    assert "newer rows cannot be told from training rows" in evidence.words


def test_rows_that_no_longer_fit_together_are_although_each_column_is_as_it_was():
    """Rentals of the afternoon come in the morning: both columns hold what they always held."""

    def upside_down(rows):
        return rows.set_column(1, "hour", rows["hour"].take([*range(rows.num_rows)][::-1]))

    evidence = told(serving(demand_spec(), upside_down))
    assert evidence.low > 0.5
    assert {"hour", "rentals"} & set([*evidence.columns][:2])


def test_labels_that_cannot_be_known_yet_tell_nothing():
    spec = demand_spec(dataset__label_delay_days=2)
    evidence = told(serving(spec, lambda rows: rows.set_column(4, "rentals", [[None] * rows.num_rows])))
    assert "rentals" not in evidence.columns


def test_without_a_champion_or_newer_rows_nothing_is_said():
    assert told(DemandWorld()) is None
    world = serving(demand_spec(), lambda rows: rows.slice(0, 0))
    for key in ("2024-01-11", "2024-01-12", "2024-01-13"):
        world.deliver(key, demand_rows(key), accepted=False, revision=2)
    assert told(world) is None
