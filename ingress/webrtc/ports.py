"""The UDP ports of WebRTC calls: one a call, out of a range that a firewall can name.

aioice has no option for it: it binds port 0. `gather_within` replaces, for one connection, the one
method of aioice's that binds (`Connection.get_component_candidates`, 0.13).
"""

import asyncio
import errno
import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

LOOPBACK = "127.0.0.1"
"""aioice leaves it out; a machine without a network can call itself all the same."""

RECEIVE_BUFFER_BYTES = 262_144
"""What a socket keeps for us while the event loop is busy: seconds of Opus."""


class NoPort(Exception):
    """Every port of the range is in use."""


@dataclass(frozen=True, slots=True)
class Ports:
    """From `first` to `last`. Several processes of a host may share a range: a port is taken by
    binding it."""

    first: int
    last: int

    def bind(self, addresses: list[str]) -> list[socket.socket]:
        """Sockets on one and the same port, one for each address that can be bound. Raises
        NoPort."""
        numbers = range(self.first, self.last + 1)
        start = random.randrange(len(numbers))
        for number in (*numbers[start:], *numbers[:start]):
            if bound := bind_all(addresses, number):
                return bound
        raise NoPort(f"no free UDP port from {self.first} to {self.last} (args.webrtc)")


def bind_all(addresses: list[str], port: int) -> list[socket.socket]:
    """None at all where the port is in use at one of them; an address that is gone is left out."""
    bound: list[socket.socket] = []
    with ExitStack() as unless_all:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            one = socket.socket(family, socket.SOCK_DGRAM)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            try:
                one.bind((address, port))
            except OSError as error:
                one.close()
                if error.errno == errno.EADDRINUSE:
                    return []
            else:
                bound.append(unless_all.enter_context(one))
        unless_all.pop_all()
    return bound


def gather_within(connection: Connection, ports: Ports) -> None:
    """Let the connection take its sockets from `ports` when it gathers; `gather_candidates` then
    raises NoPort. Candidates are those of this host: no server elsewhere is asked."""

    async def get_component_candidates(component: int, addresses: list[str]) -> list[Candidate]:
        loop = asyncio.get_running_loop()
        found: list[Candidate] = []
        for one in ports.bind(addresses or [LOOPBACK]):
            _, protocol = await loop.create_datagram_endpoint(
                lambda: StunProtocol(connection), sock=one
            )
            host, port = one.getsockname()[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=port,
                type="host",
            )
            connection._protocols.append(protocol)  # pyright: ignore[reportPrivateUsage]
            found.append(protocol.local_candidate)
        return found

    connection.get_component_candidates = get_component_candidates  # pyright: ignore[reportAttributeAccessIssue]
