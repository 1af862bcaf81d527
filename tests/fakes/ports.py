"""Ports for servers that are started as programs and cannot be handed a socket."""

from titlebout.demo.sockets import PortClaims

_CLAIMS = PortClaims()


def own_port() -> int:
    """Return a port on which nobody listens and that nobody else gets while this process lives.

    One of the kernel's choice would not do: it is one of those that the kernel hands to connections, so in the second
    between the choice and the server's start any connection of this machine may get it.
    """
    return _CLAIMS.claim(20_000)
