"""What a server has answered, as h11 reads it: how many answers, which, and whether they end."""

from dataclasses import dataclass
from itertools import chain, repeat

import h11


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer."""

    status: int
    says_close: bool
    """Whether it says that it is the connection's last."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answers:
    """All that came back on one connection."""

    final: tuple[Answer, ...]
    interim: tuple[int, ...]
    """Statuses below 200; a 101 would be among them."""
    problem: str
    """Why the rest is no answer; empty: there is none."""

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of the final answers."""
        return tuple(answer.status for answer in self.final)


def read(raw: bytes, methods: tuple[str, ...], *, ended: bool = True) -> Answers:
    """Read answers.

    Args:
        raw: all bytes that came, from the connection's beginning on.
        methods: of the requests, in order: an answer's body depends on it; beyond them GET.
        ended: whether the server has closed the connection.
    """
    final: list[Answer] = []
    interim: list[int] = []
    problem = ""
    for method in chain(methods, repeat("GET")):
        if not raw:
            break
        try:
            answer, informed, raw = _one(raw, method, ended=ended)
        except h11.RemoteProtocolError as error:
            problem = f"{error} in {raw[:200]!r}"
            break
        interim += informed
        if answer is None:
            problem = f"an answer that does not end: {raw[:200]!r}"
            break
        final.append(answer)
    return Answers(tuple(final), tuple(interim), problem)


def _one(raw: bytes, method: str, *, ended: bool) -> tuple[Answer | None, list[int], bytes]:
    """Read one final answer, and those before it; return what follows it too."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    if ended:
        connection.receive_data(b"")
    interim: list[int] = []
    status, says_close, body = 0, False, b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            options = [value.lower() for name, value in event.headers if name == b"connection"]
            status, says_close = event.status_code, any(b"close" in value for value in options)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            rest, _ = connection.trailing_data
            return Answer(status, says_close, body), interim, rest
        else:
            return None, interim, raw
