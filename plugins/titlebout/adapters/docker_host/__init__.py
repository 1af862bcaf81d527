"""Model servers in containers of a Docker engine, one per model: unprivileged, read-only, with limits."""

from titlebout.adapters.docker_host.engine_access import connected_engine
from titlebout.adapters.docker_host.engine_host import DockerHost
from titlebout.adapters.docker_host.model_container import ContainerLimits
from titlebout.adapters.docker_host.throwaway_bench import ThrowawayBench

__all__ = ["ContainerLimits", "DockerHost", "ThrowawayBench", "connected_engine"]
