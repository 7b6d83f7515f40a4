"""The door to psutil, on the machine that the test runs on."""

import socket

from agent.machine.counters import SystemCounters
from agent.machine.machine import Machine
from tests.support.web import head_of, serving


def test_a_port_counts_what_it_carries() -> None:
    """A megabyte over loopback is at least a megabyte on its counters, both ways."""
    counters = SystemCounters()
    before = counters.port("lo")
    received = []

    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"x" * (1 << 20))

    with serving(answer) as port, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"\r\n\r\n")
        while data := sock.recv(1 << 16):
            received.append(len(data))
    after = counters.port("lo")
    assert before is not None
    assert after is not None
    assert sum(received) == 1 << 20
    assert after.received_bytes - before.received_bytes >= 1 << 20
    assert after.sent_bytes - before.sent_bytes >= 1 << 20


def test_a_port_that_is_not_there_counts_nothing() -> None:
    """No such interface: no counters and no speed. Loopback has agreed no speed with anybody."""
    counters = SystemCounters()
    assert counters.port("none0") is None
    assert counters.port_speed_mbps("none0") is None
    assert counters.port_speed_mbps("lo") is None


def test_the_processor_is_busy_while_we_are() -> None:
    """A loop that counts makes this process's time go up, and the machine's busy time never exceeds all of it."""
    counters = SystemCounters()
    before, mine = counters.processor(), counters.own_processor_s()
    while counters.own_processor_s() < mine + 0.05:
        pass
    after = counters.processor()
    assert 0 <= after.busy_s - before.busy_s <= after.total_s - before.total_s


def test_memory_is_more_than_what_is_available() -> None:
    """The two numbers stand the right way round."""
    memory = SystemCounters().memory()
    assert 0 < memory.available_bytes < memory.total_bytes


def test_the_real_machine_has_all_its_doors() -> None:
    """One call makes a machine whose doors open: files, clock, random numbers that differ from another's."""
    one, other = Machine.real(), Machine.real()
    assert one.files.free_bytes("/")
    assert one.clock.stamp().boottime_ns > 0
    assert one.random.random() != other.random.random()
