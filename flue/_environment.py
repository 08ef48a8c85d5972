"""What the environment says about proxies and certificates: one rule for both faces."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ca_bundle", "proxy_for", "proxy_schemes", "ssl_context"]

PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
"""Schemes of proxies that both HTTP libraries know; those of SOCKS need an extra of theirs."""

_PORTS = {"http": 80, "https": 443}
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def proxy_schemes(socks: str) -> Collection[str]:
    """The schemes of proxies that an HTTP library can use, which needs a module of this name for those of SOCKS."""
    return {"http", "https"} if importlib.util.find_spec(socks) is None else PROXY_SCHEMES


def proxy_for(url: str, *, schemes: Collection[str] = PROXY_SCHEMES) -> str | None:
    """The proxy through which a URL is to be asked.

    The variables are `HTTP_PROXY` or `HTTPS_PROXY` by the scheme of the URL, else `ALL_PROXY`; the lower-case name is
    looked at first. `NO_PROXY` is a list of hosts that are reached directly: names (their subdomains included),
    addresses, networks such as `10.0.0.0/8` and `fd00::/8`, each but the networks with or without a port, or `*`.
    `HTTP_PROXY` is not believed in a CGI program, where a client can set it by a header. Without variables, the
    settings of macOS and Windows count.

    Args:
        url: Absolute http(s) URL.
        schemes: The schemes of proxies that the HTTP library can use.

    Returns:
        The URL of the proxy, credentials included, or None.

    Raises:
        FlueConnectionError: The variable that concerns this URL cannot be used. The message names it, and shows no
            credentials.
    """
    proxies = urllib.request.getproxies()
    parts = urlsplit(url)
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    value = proxies.get(kind, "").strip()
    if not value or _is_direct(parts.hostname or "", parts.port or _PORTS[parts.scheme], proxies.get("no", "")):
        return None
    proxy = value if "://" in value else f"http://{value}"
    problem = _proxy_problem(proxy, schemes)
    if problem is not None:
        raise FlueConnectionError(f"{_variable(kind)} cannot be used: {problem}", retryable=False)
    return urlsplit(proxy).geturl()  # its scheme in lower case


def ca_bundle() -> tuple[str | None, str | None]:
    """The file and the directory of certificates that an https server is verified with.

    `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE` (each a file or a directory), else `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Returns:
        File and directory; both None when no variable is set, and the bundle of certifi is to be used.

    Raises:
        FlueConnectionError: A variable names a path that does not exist. The message names the variable.
    """
    for variable in _CA_VARIABLES:
        if path := os.environ.get(variable):
            if Path(path).is_dir():
                return None, path
            if Path(path).is_file():
                return path, None
            raise _missing(variable, path)
    cafile, capath = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    if cafile is not None and not Path(cafile).is_file():
        raise _missing("SSL_CERT_FILE", cafile)
    # OpenSSL takes a list of directories there.
    if capath is not None and not any(Path(path).is_dir() for path in capath.split(os.pathsep)):
        raise _missing("SSL_CERT_DIR", capath)
    return cafile, capath


def ssl_context(*, trust_env: bool = True) -> ssl.SSLContext:
    """A new context that verifies servers with the certificates of `ca_bundle()`, else those of certifi.

    Costs some 20 ms: make one for each client, when it is first needed.

    Args:
        trust_env: Whether the environment is looked at.

    Raises:
        FlueConnectionError: A variable that names certificates cannot be used.
    """
    cafile, capath = ca_bundle() if trust_env else (None, None)
    if cafile is None and capath is None:
        import certifi  # noqa: PLC0415  # most clients of loopback servers and tests never need it

        cafile = certifi.where()
    try:
        return ssl.create_default_context(cafile=cafile, capath=capath)
    except (OSError, ValueError) as error:
        variable = next((name for name in (*_CA_VARIABLES, "SSL_CERT_FILE") if os.environ.get(name)), "certifi")
        message = f"{variable} cannot be used: no certificates in {cafile!r} ({error})"
        raise FlueConnectionError(message, retryable=False) from error


def _missing(variable: str, path: str) -> FlueConnectionError:
    return FlueConnectionError(f"{variable} cannot be used: {path!r} does not exist", retryable=False)


def _variable(kind: str) -> str:
    """The name under which the environment has a proxy."""
    name = f"{kind}_proxy"
    return next((each for each in (name, name.upper()) if os.environ.get(each)), f"the system's proxy for {kind}")


def _proxy_problem(proxy: str, schemes: Collection[str]) -> str | None:
    """What is wrong with a proxy's URL; says nothing of its credentials."""
    if any(character.isspace() or not character.isprintable() for character in proxy):
        return "it contains white space or a control character"
    try:
        parts = urlsplit(proxy)
        port = parts.port
    except ValueError:
        return "it is not a URL, or its port is not a number below 65536"
    scheme = parts.scheme.lower()
    if scheme not in schemes:
        extra = "; SOCKS needs an extra of the HTTP library" if scheme in PROXY_SCHEMES else ""
        return f"the scheme {scheme!r} is none of {', '.join(sorted(schemes))}{extra}"
    if not parts.hostname:
        return "it names no host"
    if port == 0:
        return "its port is 0"
    return None


def _is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether `NO_PROXY`, or what the system has in its place, lists a host."""
    host = _ascii(host)
    address = _address(host)
    for entry in filter(None, re.split(r"[,\s]+", no_proxy)):
        if entry == "*":
            return True
        name, entry_port = _split_port(entry)
        if entry_port is not None and entry_port != port:
            continue
        if address is not None:
            if _lists(name, address):
                return True
        else:
            name = _ascii(name.removeprefix("*").lstrip("."))
            if name and (host == name or host.endswith(f".{name}")):
                return True
    # The settings of macOS and Windows; where the environment has a say, this looks at nothing else.
    return not no_proxy and bool(urllib.request.proxy_bypass(host))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry: `name:80`, `[::1]:80`, `[::1]`, `::1`, `fd00::/8`."""
    if match := re.fullmatch(r"\[([^\]]*)\](/\d+)?(?::(\d+))?", entry):
        return match[1] + (match[2] or ""), int(match[3]) if match[3] else None
    name, colon, port = entry.rpartition(":")
    if colon and ":" not in name and port.isdecimal():
        return name, int(port)
    return entry, None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _lists(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an entry is this address, or a network that holds it."""
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:  # a name
        return False


def _ascii(host: str) -> str:
    """A host as it is compared: lower case, no dot at its end, labels of other scripts encoded."""
    host = host.rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host
