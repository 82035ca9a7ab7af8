"""`tocsin people`: accounts and tokens from the command line, for an administrator without a browser."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hub.commands._state import (
    COMMAND_LINE,
    ConfigOption,
    DataOption,
    JsonOption,
    audit_of,
    configured,
    now_us,
    on_state,
    refused,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.access.accounts import Accounts

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Accounts of people, and tokens of programs that read.",
    epilog="Example: tocsin people add Claire --role operator --config tocsin.toml",
)
Name = Annotated[str, typer.Argument(help="Name of the account.")]


def _fail(code: str, detail: str, status: int = 2) -> typer.Exit:
    return refused(f"{detail} [{code}]", status)


def _password(given: bool) -> str:
    """Typed twice where asked for, else made: it is shown once, and never stands in the list of processes."""
    if given:
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return secrets.token_urlsafe(12)


def _with(
    where: tuple[Path | None, Path | None],
    work: Callable[[Accounts, AsyncEngine], Awaitable[T]],
    act: str,
    subject: str,
) -> T:
    """Do `work` on the hub's state, and keep in its audit log that the command line did `act` to `subject`."""
    from hub.access.accounts import Accounts
    from hub.policy.audit import Record
    from hub.problem import Problem

    loaded = configured(*where, make=bool(act))

    async def run(engine: AsyncEngine) -> T:
        done = await work(Accounts(engine), engine)
        if act and done is not False:
            audit = await audit_of(engine, loaded)
            await audit.append(Record(now_us(), "person", COMMAND_LINE, audit.pseudonym(subject), act))
        return done

    try:
        return on_state(loaded, run)
    except Problem as problem:
        raise _fail(problem.code, problem.detail, 1) from None


def _known(found: bool, name: str) -> None:
    if not found:
        raise _fail("person_unknown", f"There is no account named {name!r}.", 1)


def _tell(data: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(data) if as_json else words)


@app.command("list")
def list_people(config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Every open account with its role."""
    found = _with((config, data_dir), lambda accounts, _: accounts.people(), "", "")
    rows = [{"name": person.name, "role": person.role} for person in found]
    words = "\n".join(f"{row['name']:40} {row['role']}" for row in rows) or "No accounts yet."
    _tell({"people": rows}, words, as_json)


@app.command(epilog="Example: tocsin people add Claire --role operator")
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="operator, supervisor, technician, auditor or administrator.")],
    prompt: Annotated[bool, typer.Option("--prompt", help="Type the password instead of having one made.")] = False,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account; its password is shown once."""
    import msgspec

    from hub.access.accounts import ROLES
    from hub.access.routes import NewPerson

    password = _password(prompt)
    try:
        wanted = msgspec.convert({"name": name, "role": role, "password": password}, NewPerson)
    except msgspec.ValidationError:
        raise _fail("person_invalid", f"A name has 2 to 80 characters; a role is one of {', '.join(ROLES)}.") from None
    _with(
        (config, data_dir),
        lambda accounts, _: accounts.create(wanted.name, wanted.role, wanted.password, now_us()),
        "opened",
        name,
    )
    shown = {} if prompt else {"password": password}
    words = f"{name} may sign in as {role}." + ("" if prompt else f" Password: {password}")
    _tell({"name": name, "role": role, **shown}, words, as_json)


@app.command()
def disable(name: Name, config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Close an account and its sessions at once."""
    _known(_with((config, data_dir), lambda accounts, _: accounts.disable(name, now_us()), "closed", name), name)
    _tell({"disabled": name}, f"{name} can no longer sign in.", as_json)


@app.command()
def reset(
    name: Name,
    prompt: Annotated[bool, typer.Option("--prompt", help="Type the password instead of having one made.")] = False,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new password: sessions, lock and second factor end, a closed account opens."""
    password = _password(prompt)
    _known(_with((config, data_dir), lambda accounts, _: accounts.reset(name, password), "reset", name), name)
    shown = {} if prompt else {"password": password}
    _tell({"reset": name, **shown}, f"{name} signs in anew." + ("" if prompt else f" Password: {password}"), as_json)


@app.command(epilog="Example: tocsin people totp Claire")
def totp(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Ask for no code any more.")] = False,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for the code of an authenticator (RFC 6238) at each sign-in; its key is shown once."""
    from hub.access.totp import address, new_secret

    secret = None if off else new_secret()
    act = "second factor off" if off else "second factor on"
    _known(_with((config, data_dir), lambda accounts, _: accounts.set_second_factor(name, secret), act, name), name)
    if secret is None:
        _tell({"totp": None}, f"{name} signs in with the password alone.", as_json)
    else:
        uri = address(name, secret)
        _tell({"totp": uri}, f"{name} needs a code from now on. For the authenticator:\n{uri}", as_json)


@app.command(epilog="Example: tocsin people token grafana --scope read --days 365")
def token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scope: Annotated[str, typer.Option(help="read or metrics; no token can decide anything.")] = "read",
    days: Annotated[int, typer.Option(help="How long it works.", min=1, max=3_660)] = 365,
    drop: Annotated[bool, typer.Option("--drop", help="Close it instead.")] = False,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """A bearer token for a program that reads; it is shown once."""
    from hub.access.tokens import SCOPES, drop_token, new_token

    wanted = next((one for one in SCOPES if one == scope), None)
    if wanted is None or not 2 <= len(name) <= 80:
        raise _fail("token_invalid", f"A scope is one of {', '.join(SCOPES)}; a name has 2 to 80 characters.")
    if drop:
        if not _with((config, data_dir), lambda _, engine: drop_token(engine, name), "token closed", name):
            raise _fail("token_unknown", f"There is no token named {name!r}.", 1)
        _tell({"dropped": name}, f"The token {name} no longer works.", as_json)
        return
    made = _with(
        (config, data_dir), lambda _, engine: new_token(engine, name, wanted, days, now_us()), f"token {scope}", name
    )
    _tell({"name": name, "scope": scope, "token": made}, made, as_json)
