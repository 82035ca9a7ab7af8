"""Signing in through the city's own identity provider: OpenID Connect Core 1.0, authorization code with PKCE.

The provider is found by its discovery document, its keys by `jwks_uri`; an ID token counts only with a signature of
one of them, for this client, from this issuer, in time, and with the nonce of this very attempt. Signatures are checked
by joserfc; symmetric algorithms and `none` are not among those that are taken.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from hub.access.accounts import Role
from hub.access.oidc_config import FLOW_S, OidcConfig
from hub.problem import Problem

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
LEEWAY_S: Final = 60
MAX_FLOWS: Final = 1_000
"""Attempts that are open at once; the oldest goes first."""
METADATA_S: Final = 3_600.0
KEYS_AGAIN_S: Final = 30.0
"""A token with an unknown key makes the hub look for new keys, at most this often."""
MAX_ANSWER: Final = 256 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0)


class Flow(Struct, frozen=True):
    """One attempt: what has to come back, and until when (monotonic seconds)."""

    nonce: str
    verifier: str
    redirect_uri: str
    until_s: float


class SignedIn(Struct, frozen=True):
    """Whom the provider says it was: the lasting identity, the name for people, the role that the claim gives."""

    subject: str
    name: str
    role: Role


class Metadata(Struct):
    """What is needed of the discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False


class Tokens(Struct):
    """What is needed of the token endpoint's answer."""

    id_token: str
    access_token: str = ""


def refused(code: str, detail: str, status: int = 403) -> Problem:
    """Nobody was signed in."""
    return Problem(status, code, detail)


class OpenId:
    """One provider. `monotonic_s` rules how long attempts and keys are kept, `now_s` is the wall clock."""

    def __init__(
        self,
        config: OidcConfig,
        secret: str,
        *,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._secret = secret
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._flows: dict[str, Flow] = {}
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def begin(self, redirect_uri: str) -> tuple[str, str]:
        """Where to send the browser, and the state that it has to bring back. Raises Problem 502."""
        metadata = await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        now_s = self._monotonic_s()
        self._flows = {name: flow for name, flow in self._flows.items() if flow.until_s > now_s}
        if len(self._flows) >= MAX_FLOWS:
            del self._flows[next(iter(self._flows))]
        self._flows[state] = Flow(nonce, verifier, redirect_uri, now_s + FLOW_S)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(("openid", *self.config.scopes)),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}", state

    async def finish(self, state: str, code: str, issuer: str | None) -> SignedIn:
        """Change the code for tokens and read them. Raises Problem; the attempt is used up either way."""
        flow = self._flows.pop(state, None)
        if flow is None or flow.until_s <= self._monotonic_s():
            raise refused("oidc_state_unknown", "This attempt is not known, was used, or took too long; begin again.")
        metadata = await self._discover()
        # RFC 9207: an answer that another provider mixed in is not changed for tokens here.
        if (issuer is not None or metadata.authorization_response_iss_parameter_supported) and (
            issuer != metadata.issuer
        ):
            raise refused("oidc_issuer_mixed", "The answer is of another identity provider.")
        tokens = await self._change(metadata, flow, code)
        claims = await self._verified(metadata, tokens.id_token, flow.nonce)
        if self.config.role_claim not in claims and metadata.userinfo_endpoint and tokens.access_token:
            claims = {**await self._userinfo(metadata, tokens.access_token, str(claims["sub"])), **claims}
        return self._signed_in(metadata, claims)

    def _signed_in(self, metadata: Metadata, claims: dict[str, Any]) -> SignedIn:
        name = str(claims.get(self.config.name_claim) or "").strip()
        if not 2 <= len(name) <= 80 or not name.isprintable():
            raise refused("oidc_name_missing", f"The claim {self.config.name_claim} holds no name.")
        role = self.config.role_of(claims.get(self.config.role_claim))
        if role is None:
            raise refused("oidc_role_missing", f"No value of the claim {self.config.role_claim} gives a role here.")
        subject = hashlib.sha256(f"{metadata.issuer}\0{claims['sub']}".encode()).hexdigest()
        return SignedIn(subject, name, role)

    async def _discover(self) -> Metadata:
        now_s = self._monotonic_s()
        if self._metadata is None or now_s - self._metadata[0] > METADATA_S:
            issuer = self.config.issuer.rstrip("/")
            found = await self._ask("GET", f"{issuer}/.well-known/openid-configuration", Metadata)
            # OpenID Connect Discovery 1.0 section 4.3: it must be exactly the one that was asked for.
            if found.issuer.rstrip("/") != issuer:
                raise refused("oidc_provider_broken", "The discovery document names another issuer.", 502)
            for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                if issuer.startswith("https:") and not address.startswith("https:"):
                    raise refused("oidc_provider_broken", "The discovery document names an address without TLS.", 502)
            self._metadata = (now_s, found)
        return self._metadata[1]

    async def _change(self, metadata: Metadata, flow: Flow, code: str) -> Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = {}
        if self._secret:
            pair = f"{quote(self.config.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self.config.client_id
        tokens: Tokens = await self._ask("POST", metadata.token_endpoint, Tokens, data=form, headers=headers)
        return tokens

    async def _verified(self, metadata: Metadata, token: str, nonce: str) -> dict[str, Any]:
        claims = await self._decoded(metadata, token)
        rules = jwt.JWTClaimsRegistry(
            now=int(self._now_s()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": metadata.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self.config.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            rules.validate(claims)
        except JoseError as error:
            raise refused("oidc_token_refused", f"The identity provider's token does not hold: {error}.") from None
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.config.client_id:
            raise refused("oidc_token_refused", "The token was made for another client.")
        return claims

    async def _decoded(self, metadata: Metadata, token: str) -> dict[str, Any]:
        """The claims, their signature checked; with fresh keys where the known ones don't fit."""
        for again in (False, True):
            keys = await self._known_keys(metadata, again)
            try:
                return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
            except (JoseError, ValueError) as error:
                if again:
                    raise refused("oidc_token_refused", f"The token's signature does not hold: {error}.") from None
        raise AssertionError("the second try returns or raises")

    async def _known_keys(self, metadata: Metadata, again: bool) -> KeySet:
        now_s = self._monotonic_s()
        old = self._keys is None or now_s - self._keys[0] > METADATA_S
        if self._keys is None or old or (again and now_s - self._keys[0] > KEYS_AGAIN_S):
            found = await self._ask("GET", metadata.jwks_uri, dict[str, Any])
            try:
                # Symmetric keys have no place in a public document; joserfc refuses what it does not know.
                keys = [key for key in found.get("keys", []) if key.get("kty") in {"RSA", "EC", "OKP"}]
                self._keys = (now_s, KeySet.import_key_set({"keys": keys}))
            except (JoseError, ValueError, TypeError, AttributeError) as error:
                raise refused("oidc_provider_broken", f"The provider's keys can't be read: {error}.", 502) from None
        return self._keys[1]

    async def _userinfo(self, metadata: Metadata, token: str, subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        found: dict[str, Any]
        found = await self._ask("GET", metadata.userinfo_endpoint, dict[str, Any], headers=headers)
        if found.get("sub") != subject:
            raise refused("oidc_token_refused", "The provider tells of another person than its token.")
        return found

    async def _ask(self, method: str, url: str, kind: Any, **options: Any) -> Any:
        """One request to the provider; never a redirect, never more than `MAX_ANSWER`. Raises Problem 502."""
        if self._session is None:
            tls = await self.config.tls()
            connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True, limit=4)
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, connector=connector, trust_env=False)
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as answer:
                body = await answer.content.read(MAX_ANSWER)
                if answer.status != 200:
                    raise refused("oidc_provider_refused", f"The identity provider answered {answer.status}.", 502)
            return msgspec.json.decode(body, type=kind)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = f"The identity provider can't be reached: {type(error).__name__}."
            raise refused("oidc_provider_away", said, 502) from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise refused("oidc_provider_broken", "The identity provider's answer can't be read.", 502) from None
