"""Serves the page's files under `/` and `/static/`: their types, their caching, and what a browser
lets them do. Owns no state of a call; the page is a Realtime client like any other."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

STATIC = Path(__file__).parent / "static"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
"""By our own table: what a system's mime.types says of .js decides whether a browser runs it."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types lit-html",
        "connect-src 'self'",
    )
)
"""Everything from this server and nothing inline; only lit-html may write HTML."""

HOST = re.compile(r"[\w.\-\[\]:]+")

HEADERS = {
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # kept, but asked about: a new version is there at the next visit
}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    media_type: str
    etag: str


def router() -> APIRouter:
    """`GET /` and `GET /static/…`, from memory: 304 for what the browser has already."""
    routes = APIRouter(include_in_schema=False)
    files = read_files()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return answer(request, files["index.html"])

    @routes.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static(request: Request, name: str) -> Response:
        file = files.get(name)
        return answer(request, file) if file else Response("no such file", 404)

    return routes


def read_files() -> dict[str, File]:
    """All there is to serve, by its path within `static`. Raises KeyError for a file whose type
    is in no table."""
    paths = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): file_of(path) for path in paths}


def file_of(path: Path) -> File:
    body = path.read_bytes()
    return File(body, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def answer(request: Request, file: File) -> Response:
    host = request.headers.get("host", "")
    headers = HEADERS | {"ETag": file.etag, "Content-Security-Policy": policy_for(host)}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


def policy_for(host: str) -> str:
    """With this host's WebSockets by name: not every browser counts them to 'self'."""
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return CONTENT_SECURITY_POLICY + sockets
