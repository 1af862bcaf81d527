"""Whether a person has to agree before a winner serves."""

from pydantic import Field

from titlebout.core.specs.spec_section import SpecSection


class ApprovalSection(SpecSection):
    """A person looks at the verdict before the release. No answer in time means *keep*."""

    required: bool = Field(default=False, description="Ask before every promotion of a scheduled or manual run.")
    timeout_hours: float = Field(
        default=24, gt=0, le=24 * 14, description="How long to wait for the answer; the champion serves meanwhile."
    )
