"""The signatures against the examples that the vendor's documentation prints, and against tampering."""

import hashlib

import pytest

from servers.pusher_service.authorization import (
    BadSignature,
    Credentials,
    channel_auth,
    hex_hmac,
    string_to_sign,
    verify_call,
)

# The application, calls and signatures of the vendor's documentation: public examples, not secrets of anybody.
DOCUMENTED = Credentials("3", "278d425bdf160c739803", "7ad3773142a6692b25b8")
BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
SIGNED_AT_S = 1353088179
SIGNATURE = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
WITHOUT_DIGEST = {"auth_key": DOCUMENTED.key, "auth_timestamp": str(SIGNED_AT_S), "auth_version": "1.0"}
PARAMS = WITHOUT_DIGEST | {"body_md5": "ec365a775a4cd0599faeb73354201b6f", "auth_signature": SIGNATURE}
EVENTS = "/apps/3/events"
MR_CHANNELS = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'


def verify(params: dict[str, str], body: bytes = BODY, now_s: float = SIGNED_AT_S, path: str = EVENTS) -> None:
    verify_call(DOCUMENTED, "POST", path, list(params.items()), body, now_s)


def signed(method: str, path: str, params: dict[str, str]) -> list[tuple[str, str]]:
    signature = hex_hmac(DOCUMENTED.secret, string_to_sign(method, path, list(params.items())))
    return [*params.items(), ("auth_signature", signature)]


@pytest.mark.parametrize(
    ("channel", "channel_data", "signature"),
    [
        ("private-foobar", None, "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
        ("presence-foobar", MR_CHANNELS, "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"),
    ],
)
def test_a_channel_is_signed_as_documented(channel: str, channel_data: str | None, signature: str) -> None:
    assert channel_auth(DOCUMENTED, "1234.1234", channel, channel_data) == f"{DOCUMENTED.key}:{signature}"


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_documented_call_verifies_up_to_600_s_late_or_early(sign: int) -> None:
    verify(PARAMS)
    verify(PARAMS, now_s=SIGNED_AT_S + sign * 600)
    with pytest.raises(BadSignature, match="auth_timestamp"):
        verify(PARAMS, now_s=SIGNED_AT_S + sign * 601)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_signature", ""),
        ("auth_signature", SIGNATURE[:-1] + "0"),
        ("auth_signature", "é"),
        ("auth_key", "another"),
        ("auth_version", "2.0"),
        ("auth_timestamp", "soon"),
        ("info", "user_count"),
        *((name, None) for name in PARAMS),
    ],
)
def test_a_changed_or_missing_parameter_is_refused(name: str, value: str | None) -> None:
    changed = PARAMS | {name: value}
    with pytest.raises(BadSignature):
        verify({name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("extra", [{}, {"body_md5": hashlib.md5(b"").hexdigest()}])
def test_a_get_verifies_with_and_without_the_digest_of_its_empty_body(extra: dict[str, str]) -> None:
    verify_call(DOCUMENTED, "GET", "/", signed("GET", "/", WITHOUT_DIGEST | extra), b"", SIGNED_AT_S)


@pytest.mark.parametrize(
    ("params", "body", "path", "complaint"),
    [
        (PARAMS, BODY.replace(b"foo", b"bar"), EVENTS, "body_md5"),
        (PARAMS, BODY, "/apps/3/batch_events", "auth_signature"),
        (PARAMS | {"AUTH_KEY": "k"}, BODY, EVENTS, "once"),
        (dict(signed("POST", EVENTS, WITHOUT_DIGEST)), b"x", EVENTS, "body_md5"),
        (dict(signed("POST", EVENTS, WITHOUT_DIGEST | {"auth_timestamp": "1e9"})), b"", EVENTS, "whole seconds"),
    ],
    ids=["changed body", "changed path", "parameter given twice", "unsigned body", "unfit timestamp"],
)
def test_what_the_signature_is_not_for_is_refused(
    params: dict[str, str], body: bytes, path: str, complaint: str
) -> None:
    with pytest.raises(BadSignature, match=complaint):
        verify(params, body=body, path=path)


def test_the_secret_is_not_in_the_repr() -> None:
    assert DOCUMENTED.secret not in repr(DOCUMENTED)
