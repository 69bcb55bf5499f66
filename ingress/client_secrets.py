"""Client secrets: keys of short life that a server mints for a browser's Realtime session.

Stateless: signed with the API keys, so any replica checks what another has minted. A secret opens
any number of sessions until it expires, as OpenAI's do; a session then lasts as long as it lasts.
Owns no clock: times are Unix seconds, passed in.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

PREFIX = "ek_"

MAX_CHARS = 8_000
"""A secret travels in one header, and HAProxy takes 16 KB of all headers together (its
`tune.bufsize`)."""


class ClientSecrets:
    """`keys` are the API keys: the last one signs, each of them verifies, so that one may be
    replaced. Without keys everything is open to this machine, and the signature only tells our
    secrets from others."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializer = URLSafeSerializer(
            list(keys) or "loopback",
            salt="parley.realtime.client_secret",
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def issue(self, session: Mapping[str, Any], expires_at: int) -> str:
        """A secret that opens sessions which begin as `session` says. Raises ValueError when that
        is too much for a header."""
        token = PREFIX + self._serializer.dumps({"until": expires_at, "session": session})
        if len(token) > MAX_CHARS:
            raise ValueError(
                f"this session makes a secret of {len(token)} characters, and a header takes "
                f"{MAX_CHARS}: leave tools and long instructions to session.update"
            )
        return token

    def session_of(self, token: str, now_s: float) -> dict[str, Any] | None:
        """The session that a secret was minted for; None when it is not ours or has expired."""
        try:
            claims = self._serializer.loads(token.removeprefix(PREFIX))
        except BadData:
            return None
        return claims["session"] if now_s < claims["until"] else None
