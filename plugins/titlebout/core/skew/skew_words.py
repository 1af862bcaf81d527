"""A skew report as lines of text."""

from collections.abc import Iterator

from titlebout.core.skew.skew_report import FieldSkew, GoldenReplay, PartitionSkew, ScoreSkew, SkewReport


def report_lines(report: SkewReport) -> Iterator[str]:
    """Yield what was seen: the live server first, then each partition, then what is worth acting on."""
    yield report.model
    yield f"  golden rows  {_golden(report.golden)}"
    for each in report.golden.differences:
        yield f"    row {each.row}: {each.answered} instead of {each.promised}, by {each.version}"
    for partition in report.partitions:
        yield from _partition(partition)
    for finding in report.findings:
        yield f"  finding      {finding.kind}: {finding.message}"
    if not report.partitions:
        yield "  no partition is accepted yet, so no log can be compared"


def _golden(replay: GoldenReplay) -> str:
    if replay.problem:
        return replay.problem
    if not replay.answers:
        return replay.note
    by = f", {replay.by_candidate} of them by the candidate on trial" if replay.by_candidate else ""
    return (
        f"{replay.answers} answers of {replay.url} to {replay.rows} rows are those of {replay.version} offline{by}; "
        f"largest difference {replay.largest_difference:.2g}"
    )


def _partition(seen: PartitionSkew) -> Iterator[str]:
    left_out = {
        "unknown": seen.unknown_rows,
        "ambiguous": seen.ambiguous_rows,
        "without a key": seen.keyless_rows,
        "asked again": seen.repeated_rows,
    }
    counts = "".join(f", {count} {what}" for what, count in left_out.items() if count)
    yield f"  {seen.partition}  {seen.compared_rows} of {seen.logged_rows} logged rows compared{counts}"
    if seen.note:
        yield f"    {seen.note}"
    if seen.logged_rows and seen.unknown_rows == seen.logged_rows:
        yield "    none of their keys was delivered: look at the clocks of server and clients, and at how keys are made"
    for field in seen.fields:
        yield f"    {field.column}: {_field(field)}"
        for example in field.examples:
            keys = ", ".join(f"{name} {value}" for name, value in example.keys.items())
            yield f"      {example.request_id} ({keys}): {example.logged}, delivered {example.recomputed}"
    for name, why in seen.not_compared.items():
        yield f"    {name}: not compared, it {why}"
    for score in seen.scores:
        yield f"    scores of {score.version}: {_score(score)}"


def _field(field: FieldSkew) -> str:
    what = "history feature, " if field.is_history else "by hash, " if field.is_hash else ""
    if not field.differing:
        return f"{what}all {field.compared} equal"
    parts = [f"{what}{field.differing} of {field.compared} differ ({field.share:.1%})"]
    if field.largest is not None and field.typical is not None:
        parts.append(f"typically by {field.typical:.4g}, at most by {field.largest:.4g}")
    counts = {
        "missing in the log": field.only_delivered,
        "missing in the data": field.only_logged,
        "known on one side and other on the other": field.other_differs,
    }
    return "; ".join([*parts, *(f"{count} {what}" for what, count in counts.items() if count)])


def _score(score: ScoreSkew) -> str:
    if score.note:
        return f"{score.rows} rows not recomputed, {score.note}"
    if not score.differing:
        return f"all {score.rows} recomputed alike"
    return f"{score.differing} of {score.rows} differ, typically by {score.typical:.3g}, at most by {score.largest:.3g}"
