"""Several Redis servers that belong together: a master with replica and sentinel, a cluster of three masters."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from time import monotonic, sleep

from tests.support.processes import HOST, Child, free_port, private_folder
from tests.support.redis import PROGRAM, answers

QUIET = ("--save", "", "--daemonize", "no", "--bind", HOST, "--loglevel", "warning")


def until(done: Callable[[], bool], patience: float = 30.0) -> None:
    deadline = monotonic() + patience
    while not done():
        assert monotonic() < deadline
        sleep(0.05)


class Group:
    """A master, its replica and a sentinel that hands over after half a second."""

    def __init__(self, stack: ExitStack) -> None:
        self.ports = free_port(), free_port()
        self.sentinel = free_port()
        first, second = self.ports
        self.master = self._start(stack, [PROGRAM, "--port", str(first), *QUIET], first)
        self._start(stack, [PROGRAM, "--port", str(second), "--replicaof", HOST, str(first), *QUIET], second)
        folder = private_folder("sentinel")
        (folder / "sentinel.conf").write_text(
            f"port {self.sentinel}\nbind {HOST}\nsentinel monitor shop {HOST} {first} 1\n"
            "sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n"
        )
        watcher = Child([PROGRAM, "sentinel.conf", "--sentinel"], folder, partial(answers, self.sentinel))
        watcher.start()
        stack.callback(watcher.discard)

    def watched(self) -> bool:
        """Whether the sentinel knows the replica, without which it hands over to nobody."""
        return b"num-slaves\r\n$1\r\n1" in self.ask(self.sentinel, "SENTINEL MASTER shop")

    def url(self) -> str:
        """A sentinel that is not there, and the one that is."""
        return f"redis+sentinel://{HOST}:1,{HOST}:{self.sentinel}/shop/0"

    def _start(self, stack: ExitStack, command: list[str], port: int) -> Child:
        child = Child(command, private_folder("redis"), partial(answers, port))
        child.start()
        stack.callback(child.discard)
        return child

    def ask(self, port: int, command: str) -> bytes:
        with socket.create_connection((HOST, port), timeout=2) as line:
            line.sendall(command.encode() + b"\r\n")
            return line.recv(65536)


class Nodes:
    """Three masters without replicas; `children` by port."""

    def __init__(self, stack: ExitStack) -> None:
        self.children: dict[int, Child] = {}
        for _ in range(3):
            port, bus = free_port(), free_port()
            command = [
                PROGRAM, "--port", str(port), "--cluster-enabled", "yes", "--cluster-port", str(bus), "--bind", HOST,
                "--save", "", "--daemonize", "no", "--cluster-node-timeout", "1000",
                "--cluster-require-full-coverage", "no", "--loglevel", "warning",
            ]  # fmt: skip
            child = Child(command, private_folder("cluster"), partial(answers, port))
            child.start()
            stack.callback(child.discard)
            self.children[port] = child
        places = [f"{HOST}:{port}" for port in self.children]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *places, "--cluster-yes"], check=True, capture_output=True, timeout=60
        )
        until(lambda: all(self._knows_all(port) for port in self.children))

    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{port}" for port in self.children)

    def _knows_all(self, port: int) -> bool:
        """Whether a node is up and has heard of every slot's owner."""
        told = self.cli(port, "CLUSTER", "INFO")
        return "cluster_state:ok" in told and self.cli(port, "CLUSTER", "SLOTS").count(HOST) == 3

    def cli(self, port: int, *words: str) -> str:
        command = ["redis-cli", "-p", str(port), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
