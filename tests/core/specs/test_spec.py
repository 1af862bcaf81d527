import pytest
from pydantic import ValidationError

from fakes.specs import demand_document, demand_spec
from titlebout.core.specs.dataset_spec import S3Source
from titlebout.core.specs.spec import ModelSpec


def test_a_small_spec_is_whole():
    spec = demand_spec()
    assert (spec.nightly_dag_id, spec.drift_dag_id) == ("demand_nightly", "demand_drift")
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        demand_spec().name = "other"


def test_an_s3_source_is_told_apart_by_its_kind():
    source = {"kind": "s3", "bucket": "raw", "prefix": "rides/day={partition}/"}
    assert isinstance(demand_spec(dataset__source=source).dataset.source, S3Source)


BINARY = {"training__objective": "binary", "comparison__metric": "log_loss"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"nme": "x"}, "nme"),
        ({"name": "Demand"}, "name"),
        ({"name": "demand\n"}, "name"),
        ({"name": "../x"}, "name"),
        ({"schedule__timezone": "Mars/Olympus"}, "'Mars/Olympus' is no IANA time zone"),
        ({"schedule__timezone": "../etc/passwd"}, "is no IANA time zone"),
        ({"dataset__source": {"kind": "s3", "bucket": "raw", "prefix": "rides/"}}, "must contain {partition}"),
        ({"dataset__source__kind": "ftp"}, "kind"),
        ({"dataset__time_column": "when"}, "dataset.time_column: when is not among dataset.columns"),
        ({"dataset__time_column": "hour"}, "hour is read as a time but dataset.columns declares it as integer"),
        ({"dataset__key_columns": ["id"]}, "dataset.key_columns: id is not among"),
        ({"dataset__target": "cnt"}, "dataset.target: cnt is not among"),
        ({"dataset__target": "weather"}, "weather is the target but dataset.columns declares it as text"),
        ({"dataset__target": "hour"}, "hour is the target and cannot be a feature"),
        ({"training__features": {}}, "name at least one feature"),
        ({"training__features__numeric": ["hour", "hour"]}, "hour named more than once"),
        ({"training__features__categorical": ["hour", "weather"]}, "hour named more than once"),
        ({"training__features__numeric": ["weather"]}, "weather named more than once"),
        ({"training__features": {"numeric": ["weather"]}}, "weather is a numeric feature but"),
        ({"training__features__date_parts": {"hour": ["month"]}}, "hour is read as a time but"),
        ({"training__features__excluded": {"hour": "leaks"}}, "hour is excluded and used as a feature"),
        ({"training__params": {"nthread": 4}}, "nthread is set by its own key of the spec"),
        ({"training__params": {"tree_method": "exact"}}, "tree_method is fixed"),
        ({"training__params": {"booster": "gblinear", "updater": "shotgun"}}, "booster, updater is fixed"),
        ({"training__objective": "binary"}, "comparison.metric rmse does not fit objective binary"),
        ({"comparison__metric": "log_loss"}, "comparison.metric log_loss does not fit objective regression"),
        ({**BINARY, "comparison__metric": "ece"}, "comparison.metric ece is next to nothing for a constant prediction"),
        ({"comparison__min_gain": 1.0}, "min_gain"),
        ({"comparison__confidence": 0.9999}, "resamples 2000 are too few for confidence 0.9999; give 10,000 or more"),
        ({"comparison__confidence": 0.996, "comparison__resamples": 200}, "give 250 or more"),
        ({"drift__columns": ["humidity"]}, "drift.columns: humidity is not among"),
        ({"drift__columns": ["day"]}, "day is watched for drift but dataset.columns declares it as date"),
        ({"drift__newest_partitions": 1}, "drifted_partitions must not exceed newest_partitions"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_with_the_reason(change, problem):
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(demand_document(**change))
    assert problem in str(caught.value)


def test_a_binary_spec_with_log_loss_fits():
    assert demand_spec(**BINARY).comparison.metric == "log_loss"
    assert demand_spec(comparison__confidence=0.9999, comparison__resamples=10_000).comparison.resamples == 10_000
    assert demand_spec(comparison__confidence=0.995, comparison__resamples=200).comparison.confidence == 0.995


def test_date_parts_alone_are_features_enough():
    assert demand_spec(training__features={"date_parts": {"day": ["weekday"]}})
