"""Ports are taken from the range, by binding them."""

import socket

import pytest
from aioice import Connection
from aioice.ice import get_host_addresses

from ingress.webrtc.ports import LOOPBACK, NoPort, Ports, gather_within


def free_range(size: int) -> Ports:
    """So many ports in a row that nobody has now."""
    for first in range(20_000, 30_000, size):
        held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(size)]
        try:
            for number, one in enumerate(held):
                one.bind((LOOPBACK, first + number))
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
        return Ports(first, first + size - 1)
    raise AssertionError("no ports")


def test_every_port_is_used_before_there_is_none():
    ports = free_range(3)
    taken = [ports.bind([LOOPBACK])[0] for _ in range(3)]
    try:
        assert sorted(one.getsockname()[1] for one in taken) == list(
            range(ports.first, ports.last + 1)
        )
        with pytest.raises(NoPort, match=f"{ports.first} to {ports.last}"):
            ports.bind([LOOPBACK])
    finally:
        for one in taken:
            one.close()
    ports.bind([LOOPBACK])[0].close()


def test_one_port_serves_every_address_or_none():
    ports = free_range(2)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as busy:
        busy.bind(("::1", ports.first))
        four, six = ports.bind([LOOPBACK, "::1"])
        with four, six:
            assert {one.getsockname()[1] for one in (four, six)} == {ports.last}
            with pytest.raises(NoPort):
                ports.bind([LOOPBACK, "::1"])


def test_an_address_that_is_gone_is_left_out():
    (only,) = free_range(1).bind(["203.0.113.1", LOOPBACK])
    with only:
        assert only.getsockname()[0] == LOOPBACK


async def test_a_connection_gathers_within_the_range_and_gives_its_port_back():
    ports = free_range(1)
    connection, second = Connection(ice_controlling=False), Connection(ice_controlling=False)
    gather_within(connection, ports)
    gather_within(second, ports)
    await connection.gather_candidates()
    own = get_host_addresses(use_ipv4=True, use_ipv6=True) or [LOOPBACK]
    assert {one.host for one in connection.local_candidates} == set(own)
    assert {one.port for one in connection.local_candidates} == {ports.first}
    with pytest.raises(NoPort):
        await second.gather_candidates()
    await connection.close()
    third = Connection(ice_controlling=False)
    gather_within(third, ports)
    await third.gather_candidates()
    assert {one.port for one in third.local_candidates} == {ports.first}
    await third.close()
    await second.close()
