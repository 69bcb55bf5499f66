"""The page's files as the ingress serves them: their types, their caching, and that nothing in them
comes from anywhere else. What the page does in a browser is in tests/page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from ingress.page.page import STATIC, router
from tests.ingress.server import Client, serving

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
OURS = [path for path in FILES if "vendor" not in path.parts]
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    app = FastAPI()
    app.include_router(router())
    with serving(app) as client:
        yield client


def test_the_page_names_only_files_that_are_there(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named
    for address in named:
        assert client.get(f"/{address}").status_code == 200, address


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_comes_whole_with_its_type_and_a_policy(client: Client, path: Path) -> None:
    file = client.get(f"/static/{path.relative_to(STATIC).as_posix()}")
    assert file.content == path.read_bytes()
    assert file.headers["content-type"] == TYPES[path.suffix]
    assert file.headers["x-content-type-options"] == "nosniff"
    policy = file.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("host", ["parley.example", "[::1]:8000", "127.0.0.1:8000"])
def test_the_policy_names_this_hosts_websockets(client: Client, host: str) -> None:
    policy = client.get("/", headers={"Host": host}).headers["content-security-policy"]
    assert policy.endswith(f"connect-src 'self' ws://{host} wss://{host}")


def test_a_host_that_is_none_does_not_reach_the_policy(client: Client) -> None:
    policy = client.get("/", headers={"Host": "a; script-src *"}).headers["content-security-policy"]
    assert policy.endswith("connect-src 'self'")


def test_what_the_browser_has_is_not_sent_again(client: Client) -> None:
    first = client.get("/static/main.js")
    again = client.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/static/main.js", headers={"If-None-Match": '"another"'})
    assert other.content == first.content
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "../page.py", "%2e%2e/page.py", "/etc/passwd", ""])
def test_nothing_else_is_served(client: Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_head_is_answered_without_a_body(client: Client) -> None:
    head = client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    """It works offline: no address of another server, but for an SVG's namespace."""
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:|wss?:)?//[a-z0-9-]+\.[a-z]", text)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_files_are_small_and_say_what_they_own(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    if path.suffix == ".js":
        assert text.startswith("/**")
        assert not re.search(r"class \w*(Manager|Handler|Processor|Service)\b", text)
