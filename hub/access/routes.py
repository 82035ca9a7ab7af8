"""Signing in and out, the first administrator, and the list of people."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.accounts import SESSION_LIFE_US, Person, Role
from hub.access.guard import COOKIE, PERSON, now_us
from hub.ingest.body import check_head, read_body
from hub.keys import ACCOUNTS, AUDIT, CONFIG
from hub.policy.audit import Record
from hub.problem import Problem

MAX_BODY: Final = 256 * 1024
"""A sensor with all its zones is some 100 KB; nothing that people send is larger."""

T = TypeVar("T")
Name = Annotated[str, Meta(min_length=2, max_length=80, pattern=r"^\S(.*\S)?$")]
Password = Annotated[str, Meta(max_length=1_024)]


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Name and password, and the six digits of an authenticator where the account asks for them."""

    name: Name
    password: Password
    code: Annotated[str, Meta(pattern=r"^[0-9 ]{0,10}$")] = ""


class Setup(Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time code printed at the first start, with the first administrator's name and password."""

    code: Annotated[str, Meta(max_length=64)]
    name: Name
    password: Password


class NewPerson(Struct, frozen=True, forbid_unknown_fields=True):
    """An account to make."""

    name: Name
    role: Role
    password: Password


async def read_json(request: web.Request, kind: type[T]) -> T:
    """The request's JSON body as `kind`; a Problem that says what is wrong otherwise."""
    check_head(request, MAX_BODY)
    body = await read_body(request)
    if b"\\u0000" in body or b"\x00" in body:
        raise Problem(422, "body_invalid", "A zero character stands in the body; no text here holds one.")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, "body_invalid", f"The body is not what this address takes: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "body_not_json", "The body is not JSON.") from None


def json_response(data: Any, status: int = 200) -> web.Response:
    """`data` as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(data), content_type="application/json")


def _with_cookie(request: web.Request, person: Person, token: str) -> web.Response:
    response = json_response({"person": person})
    set_session(request, response, token)
    return response


def set_session(request: web.Request, response: web.Response, token: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=SESSION_LIFE_US // 1_000_000,
        httponly=True,
        samesite="Strict",
        secure=request.secure or (request.app[CONFIG].http.public_url or "").startswith("https://"),
        path="/",
    )


async def sign_in(request: web.Request) -> web.Response:
    """`POST /api/v1/session`."""
    wanted = await read_json(request, SignIn)
    accounts = request.app[ACCOUNTS]
    token = await accounts.sign_in(wanted.name, wanted.password, now_us(), wanted.code)
    if old := request.cookies.get(COOKIE):
        await accounts.sign_out(old)  # whoever planted it has nothing of the new one
    person = await accounts.session(token, now_us())
    if person is None:
        raise Problem(401, "sign_in_refused", "The account was closed at this moment.")
    return _with_cookie(request, person, token)


async def sign_out(request: web.Request) -> web.Response:
    """`DELETE /api/v1/session`."""
    if token := request.cookies.get(COOKIE):
        await request.app[ACCOUNTS].sign_out(token)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


async def setup(request: web.Request) -> web.Response:
    """`POST /api/v1/setup`: the first administrator."""
    wanted = await read_json(request, Setup)
    accounts = request.app[ACCOUNTS]
    person = await accounts.create_first(wanted.code, wanted.name, wanted.password, now_us())
    await trace(request, person.name, "opened", person.role)
    return _with_cookie(request, person, await accounts.sign_in(wanted.name, wanted.password, now_us()))


async def trace(request: web.Request, name: str, act: str, role: str) -> None:
    """Accounts are kept in the audit log, by pseudonym like everybody in it."""
    audit, who = request.app[AUDIT], request.get(PERSON)
    actor = "setup" if who is None else audit.pseudonym(who.name)
    values: dict[str, str | int | float | bool] = {"role": role} if role else {}
    await audit.append(Record(now_us(), "person", actor, audit.pseudonym(name), act, values))


async def list_people(request: web.Request) -> web.Response:
    """`GET /api/v1/people`."""
    return json_response({"people": await request.app[ACCOUNTS].people()})


async def add_person(request: web.Request) -> web.Response:
    """`POST /api/v1/people`."""
    wanted = await read_json(request, NewPerson)
    person = await request.app[ACCOUNTS].create(wanted.name, wanted.role, wanted.password, now_us())
    await trace(request, person.name, "opened", person.role)
    return json_response({"person": person}, status=201)


async def close_person(request: web.Request) -> web.Response:
    """`DELETE /api/v1/people/{name}`."""
    name = request.match_info["name"]
    if not await request.app[ACCOUNTS].disable(name, now_us()):
        raise Problem(404, "person_unknown", f"There is no account named {name!r}.")
    await trace(request, name, "closed", "")
    return web.Response(status=204)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_post("/api/v1/session", sign_in)
    app.router.add_delete("/api/v1/session", sign_out)
    app.router.add_post("/api/v1/setup", setup)
    app.router.add_get("/api/v1/people", list_people)
    app.router.add_post("/api/v1/people", add_person)
    app.router.add_delete("/api/v1/people/{name}", close_person)
