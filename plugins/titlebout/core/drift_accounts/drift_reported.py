"""The ledger entry of a drift report: what it is about, and where its files are."""

from titlebout.core.results import PartitionKey, Result, Sha256


class DriftReported(Result):
    """A drift report in the lake.

    Attributes:
        partition: The newest partition at the time of the look.
        data_sha256: Of that partition's snapshot: delivered anew it is looked at anew.
        fingerprint: Of the finding, if there was one.
        run_id: Of the retrain that was asked for, if one was.
        path: Of the account, JSON.
        sha256: Of its bytes.
        page_path: Of the same as a page.
    """

    model: str
    partition: PartitionKey
    data_sha256: Sha256
    champion: str | None
    fingerprint: str | None
    run_id: str | None = None
    reason: str
    path: str
    sha256: Sha256
    page_path: str

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What a report is about: a look that agrees in all of it has its report already."""
        return self.partition, self.data_sha256, self.champion, self.fingerprint, self.run_id
