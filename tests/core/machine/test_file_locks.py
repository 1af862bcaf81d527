"""Each open file counts as somebody of its own, in one process too."""

from titlebout.core.machine.file_locks import try_lock


def test_one_holds_a_lock_until_its_file_is_closed(tmp_path):
    path = tmp_path / "lock"
    with path.open("w") as mine, path.open("w") as other:
        assert try_lock(mine)
        assert not try_lock(other)
        assert not try_lock(other.fileno(), is_shared=True)
        mine.close()
        assert try_lock(other.fileno())


def test_several_hold_a_shared_lock_and_keep_out_who_wants_it_alone(tmp_path):
    path = tmp_path / "lock"
    with path.open("wb") as first, path.open("wb") as second, path.open("wb") as third:
        assert try_lock(first, is_shared=True)
        assert try_lock(second, is_shared=True)
        assert not try_lock(third)
