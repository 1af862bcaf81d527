"""A process that publishes one large file to a lake on S3, copies it back, and says how much memory that took."""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_bucket import S3Bucket
from titlebout.adapters.s3.s3_lake import S3Lake


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def main(endpoint_url: str, access_key: str, secret_key: str, bucket: str, megabytes: str) -> None:
    settings = S3Settings(endpoint_url, "us-east-1", access_key, secret_key)
    lake = S3Lake(S3Bucket(bucket, settings), "traffic")
    lake.publish("m/warm", b"clients and imports are counted once")
    with tempfile.TemporaryDirectory() as folder:
        source, digest = Path(folder) / "large", hashlib.sha256()
        with source.open("wb") as file:
            for _ in range(int(megabytes)):
                block = os.urandom(1 << 20)
                digest.update(block)
                file.write(block)
        grown_by, before = {}, peak_mb()
        lake.publish("m/large", source)
        grown_by["publish"] = peak_mb() - before
        lake.local_copy("m/large", sha256=digest.hexdigest())
        grown_by["local_copy"] = peak_mb() - before
    print(json.dumps(grown_by))


if __name__ == "__main__":
    main(*sys.argv[1:])
