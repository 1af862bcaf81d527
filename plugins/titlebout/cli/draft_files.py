"""Local files for `titlebout new`: which ones, below which root, and some rows of them."""

import glob
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePath

from titlebout.cli.draft_origins import SAMPLED_BYTES, SAMPLED_FILES, SAMPLED_ROWS, Look, spread_over
from titlebout.cli.life_signs import Tell
from titlebout.connection_fields import ConnectionFields, environment_connection, named_extra
from titlebout.core.drafts.draft_paths import PathPattern, find_pattern, placed_template
from titlebout.core.drafts.draft_reading import sample_file
from titlebout.core.drafts.draft_rows import RawRows, Samples
from titlebout.core.drafts.draft_sample import Budget
from titlebout.core.drafts.draft_spec import Origin
from titlebout.core.drafts.draft_yaml import Scalar
from titlebout.core.errors import ConnectionSettingsError, SpecError
from titlebout.core.specs.dataset_spec import FileFormat
from titlebout.core.specs.source_paths import PathTemplate

CONN_ID = "titlebout_source"
_WILDCARDS = "*?["
_SMALL_FILES = 400


def look_at_files(given: str, delimiter: str | None, tell: Tell) -> Look:
    """Find the files that were given and read some rows of them.

    Raises:
        SpecError: There are none, they lie outside the root of the connection, or they are of several kinds.
        PartitionUnreadableError: One of them is neither CSV, JSON lines nor Parquet.
    """
    placed_template(given)  # a mistake in it is told before there is no such file
    root = _defined_root()
    paths, base, rest = _matching(given, root)
    remarks = []
    if root is None:
        root = base
        variable = f"AIRFLOW_CONN_{CONN_ID.upper()}"
        defined = json.dumps({"conn_type": "generic", "extra": {"root": str(root)}})
        remarks.append(f"define the connection {CONN_ID}: export {variable}='{defined}'")
    outside = next((path for path in paths if not path.resolve().is_relative_to(root)), None)
    if outside:
        message = (
            f"{outside}: lies outside of {root}, the root of connection {CONN_ID!r}; "
            "put it below, or correct the connection (AIRFLOW_CONN_TITLEBOUT_SOURCE)"
        )
        raise SpecError(message)
    whole = (base.relative_to(root) / rest).as_posix()
    found = _found(whole, [path.resolve().relative_to(root).as_posix() for path in paths])
    raw = _sampled(paths, found.keys if found else (), delimiter, tell)
    plain = _origin(PathTemplate(whole).glob(), raw, given, _how_plain(paths))
    if found is None:
        return Look(raw, plain, _connection(root), remarks=remarks)
    keys = tuple(sorted(set(found.keys)))
    placed = _origin(found.pattern, raw, given, f"{len(keys):,} paths name a day, {keys[0]} to {keys[-1]}")
    return Look(raw, placed, _connection(root), keys, plain, remarks)


def _found(whole: str, paths: Sequence[str]) -> PathPattern | None:
    """Return the pattern of paths below the root: the one that was given, or the one that they show."""
    template = placed_template(whole)
    if template is None:
        return find_pattern(paths) if len(paths) > 1 else None
    keys = [template.key_of(path) for path in paths]
    stray = next((path for path, key in zip(paths, keys, strict=True) if key is None), None)
    if stray:
        message = f"{stray}: does not name a day as {whole} does; give another path, or leave the place of the day out"
        raise SpecError(message)
    return PathPattern(whole, tuple(key for key in keys if key))


def _defined_root() -> Path | None:
    try:
        extra = named_extra(environment_connection(CONN_ID), required=("root",))
    except ConnectionSettingsError as error:
        if "is not defined" in str(error):
            return None
        raise
    return Path(extra["root"]).resolve()


def _matching(given: str, root: Path | None) -> tuple[list[Path], Path, str]:
    """Return the files, the folder that holds them all, and what is below it as it was given.

    A relative path is looked for in the working directory, then below the root of the connection.
    """
    for start in [Path(), *([root] if root else [])]:
        whole = str(start / given)
        if Path(whole).is_dir():
            message = f"{whole}: is a folder; name its files, such as '{PurePath(given) / '*.csv'}'"
            raise SpecError(message)
        if Path(whole).is_file():
            return [Path(whole)], Path(whole).resolve().parent, Path(whole).resolve().name
        names = sorted(glob.glob(PathTemplate(whole).glob(), recursive=True))  # noqa: PTH207  # an absolute pattern
        paths = [Path(name) for name in names if Path(name).is_file()]
        if paths:
            fixed = [*_without_wildcards(PurePath(whole))]
            base = Path(*fixed).resolve()
            return paths, base, "/".join(PurePath(whole).parts[len(fixed) :])
    message = f"{given}: there is no such file; give a path, a glob in quotes, or s3:// or sql:"
    raise SpecError(message)


def _without_wildcards(path: PurePath) -> Sequence[str]:
    parts: list[str] = []
    for part in path.parts[:-1]:
        if any(sign in part for sign in _WILDCARDS) or "{" in part:
            break
        parts.append(part)
    return parts


def _sampled(paths: Sequence[Path], keys: Sequence[str], delimiter: str | None, tell: Tell) -> RawRows:
    is_little = len(paths) <= _SMALL_FILES and sum(path.stat().st_size for path in paths) <= SAMPLED_BYTES
    chosen = spread_over(len(paths), len(paths) if is_little else SAMPLED_FILES)
    budget = Budget(
        bytes=max(1 << 18, SAMPLED_BYTES // len(chosen)),
        rows=max(500, SAMPLED_ROWS // len(chosen)),
    )
    samples = Samples()
    for number, position in enumerate(chosen, start=1):
        tell(f"looking at file {number} of {len(chosen)}: {paths[position]}")
        with paths[position].open("rb") as file:
            read = partial(sample_file, file, str(paths[position]), budget, delimiter)
            samples.take(read, keys[position] if keys else None)
    return samples.rows(is_whole=len(chosen) == len(paths))


def _origin(path: str, raw: RawRows, given: str, how: str) -> Origin:
    source: dict[str, Scalar] = {"kind": "files", "path": path, "format": (raw.format or FileFormat.CSV).value}
    if raw.format is FileFormat.CSV and raw.delimiter != ",":
        source["delimiter"] = raw.delimiter
    packed = "; compressed, which needs no word here" if raw.is_compressed else ""
    return Origin(source, f"below the root of the connection {CONN_ID}; {how}{packed}", given)


def _how_plain(paths: Sequence[Path]) -> str:
    files = "one file" if len(paths) == 1 else f"{len(paths):,} files"
    return f"{files} for all days: a day's rows are found by the time column"


def _connection(root: Path) -> ConnectionFields:
    return ConnectionFields(CONN_ID, "generic", extra={"root": str(root)})
