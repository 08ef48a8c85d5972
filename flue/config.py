"""The configuration of a client: address, token, headers, time-outs. All of it is checked here, before any I/O."""

from __future__ import annotations

import inspect
import ipaddress
import math
import os
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import attrs

from flue.core.protocol import ServerFeatures
from flue.core.stream_state import normalise_path

if TYPE_CHECKING:
    from flue.core.retry import BackoffOptions

__all__ = [
    "KEEPALIVE",
    "MAX_IDLE",
    "MAX_SECONDS",
    "POOL_SIZE",
    "AsyncHeaderSource",
    "HeaderFields",
    "HeaderSource",
    "Headers",
    "Settings",
    "Timeouts",
    "check_headers",
    "check_max_bytes",
    "check_seconds",
    "check_timeouts",
    "is_async_callable",
    "resolve",
]

Headers = Mapping[str, str | None]
HeaderSource = Headers | Callable[[], Headers]
AsyncHeaderSource = Headers | Callable[[], Headers | Awaitable[Headers]]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# The transports write these themselves; a second opinion would desynchronise the connection.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host"})
MAX_SECONDS = 1e9
"""Thirty years, for a number that stands for no limit; sockets and locks take none beyond a few times that."""
# RFC 1035 section 2.3.4.
_MAX_LABEL, _MAX_HOST = 63, 253
# The "forbidden domain code points" of the URL standard that get past urlsplit().
_NOT_IN_HOST = frozenset('"%<>[]^`{|}')

POOL_SIZE = 100
"""Idle connections that are kept. Open ones are not limited, since every live stream has its own."""
MAX_IDLE = 5.0
"""Seconds; a connection that was idle for longer is not used again: a NAT may have forgotten it without telling."""
KEEPALIVE: list[tuple[int, int, int]] = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # Seconds, seconds and probes; macOS and Windows do not have all the names.
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))
        if hasattr(socket, name)
    ),
]
"""Socket options by which the system asks a silent peer whether it is still there."""

N = TypeVar("N", str, bytes)


class HeaderFields(dict[N, N]):
    """Headers that show only their names: reports of crashes show the variables of every frame."""

    def __repr__(self) -> str:
        return f"<headers {', '.join(str(name) for name in self)}>"


def is_async_callable(value: object) -> bool:
    """Whether the result of a call must be awaited: of an async function, or of an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__)


def check_seconds(value: object, what: str) -> float:
    """A positive, finite number of seconds, at most `MAX_SECONDS`, or `ValueError` naming `what`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ValueError(f"{what} must be a finite number of seconds > 0, not {value!r}")
    return float(min(value, MAX_SECONDS))


def _seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    check_seconds(value, f"timeout.{attribute.name}")


@attrs.frozen
class Timeouts:
    """How long one HTTP exchange may be silent. Never infinite; what lasts longer is asked for again.

    Attributes:
        connect: Seconds to establish a connection.
        read: Seconds without a single byte, while waiting for an answer or inside one. Flue holds a long poll for 30
            s and sends a heartbeat every 15 s on server-sent events, so a value below 45 s makes an idle stream
            reconnect more often than it must.
    """

    connect: float = attrs.field(default=10.0, validator=_seconds)
    read: float = attrs.field(default=90.0, validator=_seconds)


@attrs.frozen(repr=False)
class Settings:
    """A client's checked configuration. Its `repr` shows neither token nor header values.

    Attributes:
        base_url: Without a trailing slash.
        token: The bearer token, or None.
        headers: The caller's headers, or the callable that returns them.
        timeouts: Of every HTTP exchange.
        max_event_bytes: Largest event and page that is accepted, or None.
        backoff_options: Of reads that are given none of their own, or None.
        trust_env: Whether the environment's proxies and certificates are used.
        allow_async: Whether callbacks may be async: those of the asynchronous face.
        features: What the client has learned about its server.
    """

    base_url: str
    token: str | None
    headers: AsyncHeaderSource
    timeouts: Timeouts
    max_event_bytes: int | None = None
    backoff_options: BackoffOptions | None = None
    trust_env: bool = True
    allow_async: bool = True
    features: ServerFeatures = attrs.field(factory=ServerFeatures)

    def backoff(self, given: BackoffOptions | None) -> BackoffOptions | None:
        """What a read is retried by: its own options, or the client's, or None for the defaults.

        Raises:
            TypeError: Options of another type, or an async callback where nobody awaits it.
        """
        options = check_backoff(self.backoff_options if given is None else given)
        if options is not None and not self.allow_async and is_async_callable(options.on_failed_attempt):
            raise TypeError("an async on_failed_attempt needs AsyncFlueClient or AsyncConversation")
        return options

    def __reduce__(self) -> NoReturn:
        raise TypeError("the settings of a client hold its token and cannot be pickled; make a client in each process")

    @property
    def has_dynamic_headers(self) -> bool:
        """Whether a callable provides the headers of each attempt, so that a retry may cure a 401."""
        return callable(self.headers)

    def request_headers(self, headers: object) -> HeaderFields[str]:
        """The caller's headers over the token's, checked: names in lower case."""
        merged = HeaderFields[str]()
        if self.token is not None:
            merged["authorization"] = f"Bearer {self.token}"
        for name, value in check_headers(headers).items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        return merged

    def __repr__(self) -> str:
        return f"<Settings {self.base_url}>"


def check_headers(headers: object) -> dict[str, str | None]:
    """Names in lower case, values stripped; `ValueError` / `TypeError` for what no HTTP message can carry.

    Values are never quoted.
    """
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping of names to values, not {type(headers).__name__}")
    checked: dict[str, str | None] = {}
    for name, given in headers.items():  # pyright: ignore[reportUnknownVariableType]  # checked line by line below
        if not isinstance(name, str):
            raise TypeError(f"header names must be str, not {type(name).__name__}")  # pyright: ignore[reportUnknownArgumentType]
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if name.lower() in _FRAMING:
            raise ValueError(f"header {name!r} belongs to the transport and cannot be given")
        value: str | None = None
        if given is not None:
            if not isinstance(given, str):
                raise TypeError(f"the value of header {name!r} must be str, not {type(given).__name__}")  # pyright: ignore[reportUnknownArgumentType]
            value = check_header_value(given, f"header {name!r}")
        checked[name.lower()] = value
    return checked


def check_header_value(value: str, what: str) -> str:
    """A value as HTTP can carry it; the message names `what`, never the value, which may be a secret."""
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"{what} contains a line break or a NUL")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{what} contains characters outside latin-1") from None
    if any(ord(character) < 0x20 and character != "\t" for character in value):
        raise ValueError(f"{what} contains a control character")
    return value.strip(" \t")


def check_timeouts(value: object) -> Timeouts:
    """`Timeouts` from what the caller gave: None, one number for both, or `Timeouts`."""
    if value is None:
        return Timeouts()
    if isinstance(value, Timeouts):
        return Timeouts(check_seconds(value.connect, "timeout.connect"), check_seconds(value.read, "timeout.read"))
    seconds = check_seconds(value, "timeout")
    return Timeouts(connect=seconds, read=seconds)


def check_backoff(value: object) -> BackoffOptions | None:
    """`BackoffOptions`, or None."""
    if value is None:
        return None
    from flue.core.retry import BackoffOptions  # noqa: PLC0415  # tenacity is loaded by those who retry

    if not isinstance(value, BackoffOptions):
        raise TypeError(f"backoff_options must be BackoffOptions, not {type(value).__name__}")
    return value


def check_max_bytes(value: object) -> int | None:
    """A positive number of bytes, or None for no limit."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"max_event_bytes must be an int or None, not {type(value).__name__}")
    if value is not None and value < 1:
        raise ValueError(f"max_event_bytes must be >= 1, not {value}")
    return value


def _check_url(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    # The value is shown only once it is known to hold no password.
    if any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError(f"{what} contains white space or a control character")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{what} is not a URL: {error}") from None
    if port == 0:  # httpx would ask the default port
        raise ValueError(f"{what} has the port 0, on which nobody can listen")
    if "@" in parts.netloc:
        raise ValueError(f"{what} contains user info; pass the token as token=...")
    if parts.scheme.lower() not in {"http", "https"}:
        if not parts.scheme:
            raise ValueError(f"{what} is relative, an absolute http(s) URL is needed: {value!r}")
        raise ValueError(f"{what} has the scheme {parts.scheme!r}, http or https is needed")
    if not parts.hostname:
        raise ValueError(f"{what} has no host: {value!r}")
    if parts.netloc.startswith("[") and ":" not in parts.hostname:
        raise ValueError(f"{what} has a host that is no IPv6 address: {value!r}")
    host = _check_host(parts.hostname, what)
    if "?" in value:
        raise ValueError(f"{what} contains a query")
    if "#" in value:
        raise ValueError(f"{what} contains a fragment")
    if "\\" in value:
        raise ValueError(f"{what} contains a backslash")
    # Path and host as they go over the wire: the HTTP libraries, which normalise by rules of their own, get the same.
    path = normalise_path(parts.path).rstrip("/")
    netloc = parts.netloc if host == parts.hostname else host + (f":{port}" if port is not None else "")
    return f"{parts.scheme.lower()}://{netloc}{path}"


def _check_host(host: str, what: str) -> str:
    """A host name as DNS can carry it, labels of other scripts encoded by IDNA; an address as it is."""
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise ValueError(f"{what} has a host that is no IPv6 address: {error}") from None
        if "%" in host:
            raise ValueError(f"{what} has an IPv6 address with a zone, which neither HTTP library can use: {host!r}")
        return host
    encoded = host
    # An A-label that stands first makes httpx decode the whole host; elsewhere it is looked at by itself.
    a_labels = [host] if _is_a_label(host) else list(filter(_is_a_label, host.split(".")))
    if a_labels or not host.isascii():
        import idna  # noqa: PLC0415  # its tables take a while to load, and few hosts need them

        try:
            for label in a_labels:
                idna.decode(label)
            if not host.isascii():
                encoded = idna.encode(host, uts46=True).decode()
        except UnicodeError as error:
            raise ValueError(f"{what} has a host that IDNA cannot encode: {host!r} ({error})") from None
    labels = encoded.removesuffix(".").split(".")
    if not all(0 < len(label) <= _MAX_LABEL for label in labels) or len(encoded) > _MAX_HOST:
        raise ValueError(
            f"{what} has a host that IDNA cannot encode: {host!r} (a label is empty or longer than {_MAX_LABEL}"
            f" characters, or the name longer than {_MAX_HOST})"
        )
    if any(character in _NOT_IN_HOST for character in encoded):
        raise ValueError(f"{what} has a host with a character that no host name has: {host!r}")
    return encoded


def _is_a_label(label: str) -> bool:
    return label[:4].lower() == "xn--"


def resolve(
    base_url: object,
    token: object,
    headers: object,
    timeout: object,
    max_event_bytes: object,
    backoff_options: object = None,
    *,
    trust_env: object = True,
    allow_async: bool,
    url_argument: str = "base_url",
    url_variable: str = "FLUE_BASE_URL",
) -> Settings:
    """The checked settings of a client; what is not given comes from `FLUE_BASE_URL` and `FLUE_TOKEN`.

    Args:
        base_url: The caller's, like the arguments that follow.
        token: The caller's.
        headers: The caller's.
        timeout: The caller's.
        max_event_bytes: The caller's.
        backoff_options: The caller's.
        trust_env: The caller's.
        allow_async: Whether headers and callbacks may be async.
        url_argument: How the caller knows the address: `url` for a conversation.
        url_variable: Of the environment, for an address that is not given: `FLUE_CONVERSATION_URL` for a conversation.

    Raises:
        ValueError: An address, token, header or time-out that cannot work.
        TypeError: An argument of the wrong type; an async callback where `allow_async` is false.
    """
    if base_url is None:
        base_url = os.environ.get(url_variable) or None
        if base_url is None:
            raise ValueError(f"{url_argument} is missing: pass it, or set {url_variable}")
    url = _check_url(base_url, url_argument)
    if not isinstance(trust_env, bool):
        raise TypeError(f"trust_env must be a bool, not {type(trust_env).__name__}")
    if token is None:
        token = os.environ.get("FLUE_TOKEN")
    if token is not None and not isinstance(token, str):
        raise TypeError(f"token must be str, not {type(token).__name__}")
    source: AsyncHeaderSource
    if headers is None:
        source = {}
    elif callable(headers):
        if is_async_callable(headers) and not allow_async:
            raise TypeError("an async header callable needs AsyncFlueClient")
        source = cast("AsyncHeaderSource", headers)
    else:
        source = check_headers(headers)
    settings = Settings(
        base_url=url,
        token=(check_header_value(token, "token") or None) if token else None,
        headers=source,
        timeouts=check_timeouts(timeout),
        max_event_bytes=check_max_bytes(max_event_bytes),
        backoff_options=check_backoff(backoff_options),
        trust_env=trust_env,
        allow_async=allow_async,
    )
    settings.backoff(None)  # checks the client's own
    return settings
