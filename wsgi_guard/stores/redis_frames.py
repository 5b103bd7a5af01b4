"""Commands for the scripts, packed as the protocol has them; what a row of policies always says is packed once.

A counter's key is `wg:{client}policy`, both parts hashed: what a client chose may be long, hostile or personal. In
braces stands the client, so that all counters of one client share a slot of a cluster; the key without a policy is the
client's record of denials and blocks.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b, sha1
from importlib.resources import files
from struct import Struct

from wsgi_guard.errors import StoreError

from .contract import BUCKET, LOG, Debt, Policy, Tally

CHANNEL = b"wg:forgotten"
"""Where resets are told to all processes."""

LARGEST = 2**53
"""What the doubles of Lua hold exactly."""

LETTERS = {BUCKET: b"B", LOG: b"L"}


class Script:
    """One script as the server knows it: its text and the hash by which it is called."""

    __slots__ = ("head", "sha", "text")

    def __init__(self, *names: str) -> None:
        self.text = b"\n".join(files(__package__).joinpath(name).read_bytes() for name in names)
        self.sha = sha1(self.text, usedforsecurity=False).hexdigest().encode()
        self.head = bulk(b"EVALSHA", self.sha)

    def command(self, keys: Sequence[bytes], arguments: Sequence[bytes]) -> bytes:
        count = bulk(b"%d" % len(keys))
        return b"*%d\r\n" % (3 + len(keys) + len(arguments)) + self.head + count + bulk(*keys, *arguments)


def bulk(*words: bytes) -> bytes:
    return b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def pack(*words: bytes) -> bytes:
    """A command as the protocol has it."""
    return b"*%d\r\n" % len(words) + bulk(*words)


def hashed(text: str, size: int) -> bytes:
    """`size` bytes of a hash, as text without padding."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size, person=b"wsgi_guard").digest()
    return b2a_base64(digest, newline=False).rstrip(b"=")


CHARGE = Script("blocks.lua", "counters.lua", "charge.lua")
REFUND = Script("blocks.lua", "counters.lua", "refund.lua")
RENEW = Script("blocks.lua", "counters.lua", "renew.lua")
ACT = Script("blocks.lua", "act.lua")
PEEK = b"peek"


class Frame:
    """A charge of a row of policies, packed but for keys, costs and time."""

    __slots__ = ("_arguments", "_count", "_heads", "_names", "_reply")

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        self._count = len(policies)
        self._names = tuple(b"}" + hashed(policy.id, 4) + b"\r\n" for policy in policies)
        self._arguments = b"".join(map(_arguments, policies))
        self._reply = Struct(f"<{2 + 4 * self._count}Q")
        # By the number of clients whose keys are charged.
        self._heads: dict[int, bytes] = {}

    def command(self, keys: Sequence[str], costs: bytes, now: int | None) -> bytes:
        """`costs` as the script reads them."""
        parts = [b""]
        clients: dict[str, int] = {}
        last, client = None, b""
        for key, name in zip(keys, self._names, strict=True):
            if key is not last:
                # 4 + 22 bytes, always; with "}" and the policy's 6 they are 33.
                client = b"$33\r\nwg:{" + hashed(key, 16)
                last = key
                if key not in clients:
                    clients[key] = len(clients) + 1
            parts += (client, name)
        if len(clients) == 1:
            parts += (b"$27", client[3:], b"}\r\n")
            owners = b""
        else:
            parts += [bulk(b"wg:{" + hashed(key, 16) + b"}") for key in clients]
            owners = b" ".join(b"%d" % clients[key] for key in keys)
        parts[0] = self._heads.get(len(clients)) or self._head(len(clients))
        time = b"" if now is None else b"%d" % now
        parts += (bulk(time, costs, b"%d" % self._count, owners), self._arguments)
        return b"".join(parts)

    def _head(self, clients: int) -> bytes:
        keys = self._count + clients
        head = b"*%d\r\n" % (3 + keys + 4 + 4 * self._count) + CHARGE.head + bulk(b"%d" % keys)
        self._heads[clients] = head
        return head

    def read(self, reply: object) -> Tally:
        """The tally in a reply of the script. Raises StoreError if it is none."""
        if type(reply) is not bytes or len(reply) != self._reply.size:
            raise StoreError("the script's reply makes no sense")
        found = self._reply.unpack(reply)
        if max(found) > LARGEST:
            # A number below 0, which only a blocked key has, or one that Lua cannot count to.
            found = tuple(number - (1 << 64) if number >> 63 else number for number in found)
            if min(found) < -1 or max(found) > LARGEST:
                raise StoreError("the script's reply is out of range")
        values = iter(found)
        admitted, at = next(values), next(values)
        return admitted == 1, list(zip(values, values, values, values, strict=True)), at


def _arguments(policy: Policy) -> bytes:
    letter = LETTERS.get(policy.algorithm, b"W")
    special = b"%d %d %d" % (policy.burst, policy.block, policy.after) if policy.burst or policy.block else b""
    return bulk(
        letter if policy.enforced else letter.lower(), b"%d" % policy.quantity, b"%d" % policy.window, special
    )


def refund(debts: Sequence[Debt], now: int | None) -> bytes:
    """The command that takes back what fitted."""
    arguments = [b"" if now is None else b"%d" % now, CHANNEL]
    for policy, _, cost, at, (_, debt, _, mark) in debts:
        letter = LETTERS.get(policy.algorithm, b"W")
        arguments.append(letter.lower() if policy.lifts else letter)
        arguments += (b"%d" % value for value in (policy.quantity, policy.window, cost, at, debt, mark))
    places = [key_of(debt.policy, debt.key) for debt in debts]
    if any(debt.policy.lifts for debt in debts):
        places += [record_of(debt.key) for debt in debts]
    return REFUND.command(places, arguments)


def renew(debts: Sequence[Debt], now: int | None) -> bytes:
    """The command that moves entries of logs to the present."""
    arguments = [b"" if now is None else b"%d" % now]
    for policy, _, cost, _, (_, _, _, mark) in debts:
        arguments += (b"%d" % value for value in (policy.window, cost, mark))
    return RENEW.command([key_of(debt.policy, debt.key) for debt in debts], arguments)


def renewed(debts: Sequence[Debt], reply: object) -> list[Debt]:
    """The debts with the marks that a reply gives them. Raises StoreError if it is none."""
    if type(reply) is not list or len(reply) != len(debts) or set(map(type, reply)) != {int}:
        raise StoreError("the script's reply makes no sense")
    return [debt._replace(state=(*debt.state[:3], mark)) for debt, mark in zip(debts, reply, strict=True)]


def act(policies: Sequence[Policy], keys: Sequence[str], what: bytes, now: int | None) -> bytes:
    """The command that begins keys anew (`what` "forget") or shuts them out for so many seconds."""
    pairs = list(zip(policies, keys, strict=True))
    places = [key_of(policy, key) for policy, key in pairs] + [record_of(key) for _, key in pairs]
    return ACT.command(places, [b"" if now is None else b"%d" % now, what, CHANNEL])


def key_of(policy: Policy, key: str) -> bytes:
    return record_of(key) + hashed(policy.id, 4)


def record_of(key: str) -> bytes:
    return b"wg:{" + hashed(key, 16) + b"}"
