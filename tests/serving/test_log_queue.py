"""Lines that wait to be written: in order, by release, and never in a piece that is being written."""

import pytest

from titlebout.serving import log_queue
from titlebout.serving.log_queue import LogQueue, Piece
from titlebout.serving.log_writer import NamedRelease

FIRST, SECOND = (NamedRelease(index, b"", (), {}, lambda row: ()) for index in range(2))


def taken(queue: LogQueue) -> list[tuple[int, list[bytes], list[int]]]:
    found = []
    while len(queue):
        piece = queue.front()
        found.append((piece.release.index, piece.lines, piece.rows))
        queue.drop_front()
    return found


def test_requests_to_one_release_wait_in_one_piece_and_in_their_order():
    queue = LogQueue()
    for release, rows, lines in [(FIRST, 1, b"a"), (FIRST, 2, b"bb"), (SECOND, 3, b"c"), (FIRST, 4, b"d")]:
        queue.add(release, rows, lines)
    assert (queue.rows, queue.size_bytes) == (10, 5)
    assert taken(queue) == [(0, [b"a", b"bb"], [1, 2]), (1, [b"c"], [3]), (0, [b"d"], [4])]
    assert (queue.rows, queue.size_bytes) == (0, 0)


def test_nothing_is_added_to_a_piece_that_is_being_written():
    queue = LogQueue()
    queue.add(FIRST, 1, b"a")
    being_written = queue.front()
    queue.add(FIRST, 1, b"b")
    assert being_written.lines == [b"a"]
    queue.drop_front()
    assert (queue.rows, taken(queue)) == (1, [(0, [b"b"], [1])])


def test_a_piece_is_no_larger_than_one_write_should_be(monkeypatch):
    monkeypatch.setattr(log_queue, "PIECE_BYTES", 10)
    queue = LogQueue()
    for _ in range(5):
        queue.add(FIRST, 1, b"12345")
    assert [len(lines) for _, lines, _ in taken(queue)] == [2, 2, 1]


@pytest.mark.parametrize(("room_bytes", "written"), [(-1, 0), (0, 0), (1, 1), (4, 1), (5, 2), (9, 2), (10, 3), (99, 3)])
def test_where_room_is_short_the_oldest_requests_are_written_whole(room_bytes, written):
    assert Piece(FIRST, [b"1234", b"12345", b"1"], [1, 1, 1], 10).beginning(room_bytes) == written
