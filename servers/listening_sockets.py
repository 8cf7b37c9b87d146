"""The sockets on which servers listen, with errors in words for a person.

Teaches what two socket options decide: SO_REUSEADDR takes the port of connections that ended a moment ago, SO_REUSEPORT
shares a port between processes. Leaves out uvicorn, which binds a port of its own: see `servers.serving`.
"""

import errno
import socket


def require_free(host: str, port: int) -> None:
    """Raise OSError, in words for a person, if that is no address of ours, or another program listens on that port."""
    _bound_socket(host, port, socket.SO_REUSEADDR).close()


def reusable_socket(host: str, port: int) -> socket.socket:
    """Bind a socket to a port (0 takes a free one) that other processes of this user may listen on as well.

    Each process that listens gets a share of the connections. Raises OSError if another program has the port.
    """
    return _bound_socket(host, port, socket.SO_REUSEPORT, socket.SO_REUSEADDR)


def _bound_socket(host: str, port: int, *options: int) -> socket.socket:
    """Bind a socket; SO_REUSEADDR among its options lets it have the port of connections that ended a moment ago."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise OSError(f"host {host!r}: expected a name or an address such as 127.0.0.1 or ::1; {error}") from None
    bound = socket.socket(family, kind, protocol)
    try:
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise OSError(f"port {port} of {host} is in use; name another one with --port, or 0 for any") from None
    return bound
