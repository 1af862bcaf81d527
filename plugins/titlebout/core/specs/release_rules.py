"""What the section `release` needs of the rest of a model spec."""

from titlebout.core.errors import did_you_mean
from titlebout.core.specs.release_spec import ReleaseSection
from titlebout.core.specs.training_spec import TrainingSection


def refuse_impossible_trial(release: ReleaseSection, training: TrainingSection, *, has_server: bool) -> None:
    """Refuse a trial that nobody could hold.

    Raises:
        ValueError: There is no server, or the rows of a request have no such field.
    """
    if not release.has_trial:
        return
    if not has_server:
        message = f"release.strategy {release.strategy} needs a server: set deployment.target to process or docker"
        raise ValueError(message)
    fields = training.features.columns
    if release.sticky_by is not None and release.sticky_by not in fields:
        near = did_you_mean(release.sticky_by, fields)
        message = f"release.sticky_by {release.sticky_by} is no feature, so no request has this field; {near}"
        raise ValueError(message)
