"""A request's body, read no further than it may be long."""

from starlette.requests import ClientDisconnect, Request

from servers.pusher_service.errors import ApiError


async def bounded_body(request: Request, bytes_max: int) -> bytes:
    """Read the body; raises ApiError as soon as it is too long, or if it ends early."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise ApiError(413, f"expected a body of at most {bytes_max} bytes")
    except ClientDisconnect:
        raise ApiError(400, "the body ended early, since the caller has hung up") from None
    return bytes(body)
