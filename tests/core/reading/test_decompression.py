"""Compressed texts: known by their first bytes, and never read in part."""

import bz2
import gzip
import io
import lzma
import random
from collections.abc import Callable, Mapping

import pyarrow as pa
import pytest

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.decompression import decompressed

TEXT = "".join(f"2024-01-05,{random.Random(number).random()},clear\n" for number in range(2000)).encode()


def by_arrow(kind: str) -> Callable[[bytes], bytes]:
    def compress(text: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        stream = pa.CompressedOutputStream(sink, kind)
        stream.write(text)
        stream.close()
        return sink.getvalue().to_pybytes()

    return compress


KINDS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": by_arrow("zstd"),
    "lz4": by_arrow("lz4"),
}


def read(content: bytes, where: str = "in/rides.csv") -> bytes:
    stream, text = decompressed(io.BytesIO(content), where), b""
    while chunk := stream.read(1000):
        text += chunk
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_text_is_known_by_its_first_bytes(kind: str):
    assert read(KINDS[kind](TEXT)) == TEXT
    assert read(KINDS[kind](TEXT), f"in/rides.csv.{kind}") == TEXT
    assert read(KINDS[kind](b"")) == b""


@pytest.mark.parametrize("kind", KINDS)
def test_parts_compressed_one_after_the_other_are_one_text(kind: str):
    assert read(KINDS[kind](TEXT) + KINDS[kind](TEXT)) == TEXT * 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_cut_anywhere_is_refused(kind: str):
    content = KINDS[kind](TEXT)
    places = {1, 2, 3, 5, 9, 12, len(content) - 1, len(content) - 2, len(content) - 9}
    places |= {len(content) * number // 50 for number in range(1, 50)}
    for kept in places:
        with pytest.raises(PartitionUnreadableError, match=r"in/rides\.csv\.\w+: .*deliver it again"):
            read(content[:kept], f"in/rides.csv.{kind}")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_flipped_bit_is_refused_or_changes_nothing(kind: str):
    content, dice = KINDS[kind](TEXT), random.Random(5)
    for _ in range(60):
        damaged = bytearray(content)
        damaged[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        try:
            found = read(bytes(damaged), f"in/rides.csv.{kind}")
        except PartitionUnreadableError:
            continue
        assert found == TEXT


def test_a_plain_text_is_passed_on_even_where_it_begins_like_a_signature():
    for text in (TEXT, b"BZhour,day\n1,2\n", b"", b"\x1f"):
        assert read(text) == text


@pytest.mark.parametrize("kind", KINDS)
def test_a_suffix_that_the_bytes_do_not_keep_is_refused(kind: str):
    with pytest.raises(PartitionUnreadableError, match=r"does not begin like .*, as its name says"):
        read(TEXT, f"in/rides.csv.{kind}")
    assert read(b"", f"in/rides.csv.{kind}") == b""


def test_a_broken_disk_is_no_damaged_file():
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 20:
                raise OSError(5, "Input/output error")
            return super().read(-1 if size is None else min(size, 2000))

    stream = decompressed(Broken(gzip.compress(TEXT)), "in/rides.csv.gz")
    with pytest.raises(OSError, match="Input/output error"):
        stream.read(1_000_000)


def test_a_bomb_comes_out_in_the_sizes_that_are_asked_for():
    bomb = gzip.compress(bytes(50_000_000))
    stream = decompressed(io.BytesIO(bomb), "bomb.gz")
    assert all(len(stream.read(1 << 16)) <= 1 << 16 for _ in range(100))
