"""A configuration that can't be used says where, what, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import ConfigError, HubConfig, load_config, parse_config

FILE = Path("tocsin.toml")


def test_an_empty_file_gives_statistics_on_loopback() -> None:
    config = parse_config("", FILE)
    assert config == HubConfig()
    assert config.policy.profile == "statistics-only"
    assert config.http.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[http]\nport = "x"\n', 2, ["http.port", "expected `int`"]),
        ("[http]\nhost = '::1'\nprt = 1\n", 3, ["http.prt", "Did you mean `port`?"]),
        ("[site]\nlatitude = 91\n", 2, ["site.latitude", "<= 90"]),
        ("language = \n", 1, ["not valid TOML"]),
        ('time_zone = "Europe/Pari"\n', 1, ["Europe/Paris"]),
        ('[policy]\n\nprofile = "open"\n', 3, ["policy.profile", "open"]),
        (
            '[[webhooks]]\nname = "a"\nurl = "https://a"\n[[webhooks]]\nname = "b"\nurl = "ftp://b"\n',
            6,
            ["webhooks[1].url"],
        ),
        (
            '[[webhooks]]\nname = "a"\nurl = "https://a"\n[[webhooks]]\nname = "a"\nurl = "https://b"\n',
            5,
            ["two webhooks"],
        ),
        ('[[webhooks]]\nname = "a"\nurl = "http://a"\n', 3, ["use https", "allow_private"]),
        ('[[webhooks]]\nname = "a"\nurl = "https://me:secret@a"\n', 3, ["end up in logs"]),
        ("open_console = true\n", 1, ["without signing in", "lab"]),
        ("[http]\ntls_key = 'k.pem'\n", 1, ["both"]),
    ],
)
def test_a_wrong_file_names_the_line_and_the_mend(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, FILE)
    assert caught.value.line == line
    for word in words:
        assert word in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.toml")


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(path)


def test_the_state_is_in_the_data_folder_unless_a_database_is_named() -> None:
    assert HubConfig(data_dir=Path("/srv/t")).database_url == "sqlite+aiosqlite:////srv/t/state.sqlite"
    assert HubConfig(state_url="postgresql://db/tocsin").database_url == "postgresql://db/tocsin"
