"""Names and addresses as people, browsers and the environment write them: which are equal, and which are this machine.

Teaches that a name has many spellings: capitals, a dot at its end, a port that is the default one (RFC 3986, section
6.2.2; RFC 6454, section 4), and an IPv6 address, which is written within brackets wherever a port may follow. And that
an address may hold a password, which is removed before it is printed, logged or recorded.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple, Self
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s/?#@:\[\]]+)(?::(\d{1,5})?)?", re.ASCII)


class Authority(NamedTuple):
    """A host and its port, as in a Host header. host: normalised, and without brackets. port: None if none is named."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `chat.example`, `chat.example:8000` or `[::1]:8000`; raises ValueError."""
        match = AUTHORITY.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a host such as chat.example, with a port or without, got {text[:80]!r}")
        host, port = match.groups()
        return cls(normalised(host), int(port) if port else None)


class Origin(NamedTuple):
    """The origin of a page: scheme, host and port, which is always known."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `https://chat.example` or `http://[::1]:8000`; raises ValueError."""
        scheme, _, authority = text.partition("://")
        try:
            default_port = DEFAULT_PORTS[scheme.lower()]
            host, port = Authority.parse(authority)
        except (KeyError, ValueError):
            raise ValueError(f"expected an origin such as https://chat.example, got {text[:80]!r}") from None
        return cls(scheme.lower(), host, port or default_port)

    def __str__(self) -> str:
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    def is_of(self, authority: Authority) -> bool:
        """Return whether the page comes from the server of this name. A proxy may end TLS: schemes are not compared."""
        return (self.host, self.port) == (authority.host, authority.port or DEFAULT_PORTS[self.scheme])


def normalised(host: str) -> str:
    """Return the spelling in which hosts are compared: small letters, no dot at the end, no brackets."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or its address."""
    name = normalised(host)
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def header_values(headers: Iterable[tuple[bytes, bytes]], field: bytes) -> list[str]:
    """Return all values of a header field: parsers pass on a repeated field, even where repeating is not allowed."""
    return [value.decode("latin-1") for name, value in headers if name == field]


def names_loopback(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request names this machine by a loopback name; after DNS rebinding it names another host."""
    hosts = header_values(headers, b"host")
    try:
        return len(hosts) == 1 and is_loopback(Authority.parse(hosts[0]).host)
    except ValueError:
        return False


def may_use_proxy(url: str) -> bool:
    """Return whether the environment's proxies may be used for a URL: none of them reaches this machine's loopback."""
    return not is_loopback(urlsplit(url).hostname or "")


def network_of(host: str) -> str:
    """Return what belongs to one machine: an IPv4 address, or the /64 of an IPv6 address; empty for any other host."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def bracketed(host: str) -> str:
    """Return a host as it is written before a port."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


BEFORE_AT = re.compile(r":(//)?.*@", re.DOTALL)
IN_QUERY = re.compile(r"(password=)[^&\s]*")


def without_passwords(text: str) -> str:
    """Return the text without the login before an @, and without passwords in a URL's query.

    A password may hold any character, so this removes too much rather than too little.
    """
    return IN_QUERY.sub(r"\1***", BEFORE_AT.sub(r":\1", text))
