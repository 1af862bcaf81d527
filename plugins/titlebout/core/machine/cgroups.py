"""The cgroups that this process lives in: its own and those around it."""

from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_VERSION_2 = "0::/"


def settings_around(name: str, cgroups: Path, membership: Path) -> list[str]:
    """Return what a setting of version 2 says in each of them, from the process outwards; empty where there is none.

    Args:
        name: File of the setting.
        cgroups: Where the cgroup file system is mounted.
        membership: File that names the cgroup of this process.
    """
    lines = text_of(membership).splitlines()
    own = PurePosixPath(next((line.removeprefix(_VERSION_2) for line in lines if line.startswith(_VERSION_2)), ""))
    return [text_of(cgroups / folder / name) for folder in (own, *own.parents)]


def text_of(file: Path) -> str:
    """Return what a file of the kernel says; empty where it is not there."""
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
