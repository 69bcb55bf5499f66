"""Who may use /v1, by headers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from ingress.access import Access, chosen_subprotocol, key_of
from ingress.client_secrets import MAX_CHARS, ClientSecrets
from ingress.rest.errors import ApiError

KEY, OTHER = "key-of-sixteen-characters", "another-key-of-the-server"
NOW_S = 1_000_000.0
KEYED = Access((KEY, OTHER), ("https://app.example.com",))
LOCAL = Access()


def grant(access=KEYED, *, realtime=False, now_s=NOW_S, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return access.grant(Headers({"host": "localhost:8000"} | named), now_s, realtime=realtime)


def refused(access=KEYED, **kwargs):
    with pytest.raises(ApiError) as caught:
        grant(access, **kwargs)
    return caught.value.status_code, caught.value.code


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_each_key_opens_by_header_and_by_subprotocol(key):
    grant(authorization=f"Bearer {key}")
    grant(authorization=f"bearer  {key} ")
    grant(sec_websocket_protocol=f"realtime, openai-insecure-api-key.{key}, other")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY},{OTHER}"},
        {"sec_websocket_protocol": f"realtime, {KEY}"},
        {"sec_websocket_protocol": "openai-insecure-api-key."},
    ],
)
def test_anything_else_is_401(headers):
    assert refused(**headers) == (401, "invalid_api_key")


@given(st.text(st.characters(max_codepoint=255), max_size=40).filter(lambda k: k.strip() != KEY))
def test_no_other_text_is_a_key(key):
    assert refused(Access((KEY,)), authorization=f"Bearer {key}") == (401, "invalid_api_key")


def test_without_keys_anyone_on_this_machine_may_ask():
    for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000"):
        grant(LOCAL, host=host)
        grant(LOCAL, host=host, authorization="Bearer whatever")


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "192.0.2.7:80", "[::", "localhost@evil"]
)
def test_a_name_that_dns_may_point_anywhere_is_refused_without_keys(host):
    assert refused(LOCAL, host=host) == (403, "host_not_allowed")
    grant(host=host, authorization=f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://app.example.com", "api.example.com"),
        ("http://localhost:8000", "localhost:8000"),
        ("https://parley.example.com", "parley.example.com"),
        ("https://parley.example.com", "Parley.example.com:443"),
    ],
)
def test_our_own_page_and_listed_origins_may_ask(origin, host):
    grant(origin=origin, host=host, authorization=f"Bearer {KEY}")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://app.example.com", "https://app.example.com:444", "null", "",
        "http://localhost:8001", "localhost:8000", "https://app.example.com.evil.example",
    ],
)  # fmt: skip
def test_other_pages_may_not_even_with_a_key(origin):
    for access in (KEYED, LOCAL):
        found = refused(access, origin=origin, authorization=f"Bearer {KEY}")
        assert found == (403, "origin_not_allowed")


def test_a_client_secret_opens_realtime_and_carries_its_session():
    secret = ClientSecrets(KEYED.keys).issue({"model": "sales"}, int(NOW_S) + 60)
    for headers in (
        {"authorization": f"Bearer {secret}"},
        {"sec_websocket_protocol": f"realtime, openai-insecure-api-key.{secret}"},
    ):
        assert grant(realtime=True, **headers).session == {"model": "sales"}
        assert grant(realtime=True, now_s=NOW_S + 59.9, **headers).session == {"model": "sales"}
        assert refused(realtime=True, now_s=NOW_S + 60, **headers) == (401, "invalid_api_key")
        assert refused(realtime=False, **headers) == (401, "invalid_api_key")


def test_a_client_secret_is_checked_by_whoever_has_the_keys():
    secret = ClientSecrets([KEY]).issue({}, int(NOW_S) + 60)
    headers = {"realtime": True, "authorization": f"Bearer {secret}"}
    grant(Access((KEY, OTHER)), **headers)  # the signing key is an old one, still known
    for stranger in (Access((OTHER,)), Access()):
        assert refused(stranger, **headers) == (401, "invalid_api_key")
    own = ClientSecrets([]).issue({"model": "a"}, int(NOW_S) + 60)
    assert grant(LOCAL, realtime=True, authorization=f"Bearer {own}").session == {"model": "a"}


@given(st.data())
def test_a_changed_secret_is_none(data):
    secret = ClientSecrets([KEY]).issue({"instructions": "Be brief."}, int(NOW_S) + 60)
    at = data.draw(st.integers(3, len(secret) - 2))  # the last character has bits to spare
    char = data.draw(st.sampled_from("ABCxyz019-_.").filter(lambda c: c != secret[at]))
    changed = secret[:at] + char + secret[at + 1 :]
    assert ClientSecrets([KEY]).session_of(changed, NOW_S) is None


def test_a_secret_fits_into_a_header_or_is_not_made():
    signer = ClientSecrets([KEY])
    assert len(signer.issue({"instructions": "Be brief. " * 5_000}, 1)) <= MAX_CHARS
    with pytest.raises(ValueError, match=r"session\.update"):
        signer.issue({"instructions": "".join(map(str, range(5_000)))}, 1)


def test_the_server_chooses_realtime_where_it_is_offered():
    offered = Headers({"sec-websocket-protocol": f"openai-insecure-api-key.{KEY},realtime"})
    assert chosen_subprotocol(offered) == "realtime"
    assert key_of(offered) == KEY
    assert chosen_subprotocol(Headers({"sec-websocket-protocol": "other"})) is None
    assert chosen_subprotocol(Headers({})) is None


def test_a_refusal_has_openais_shape():
    with pytest.raises(ApiError) as caught:
        grant()
    assert set(caught.value.body()["error"]) == {"message", "type", "param", "code"}
    assert caught.value.body()["error"]["type"] == "invalid_request_error"
