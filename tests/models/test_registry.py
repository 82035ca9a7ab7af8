"""A model runs only with its card and its own hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models import registry
from models.registry import Entry, ModelRefused

CARD = "What it is for, what it was made from, how good it is, and where it fails. " * 8


@pytest.fixture
def enrolled(tmp_path: Path) -> Path:
    """A registry with one model of three bytes."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "ear.tflite").write_bytes(b"abc")
    (tmp_path / "weights" / "ear.md").write_text(CARD)
    file = tmp_path / "registry.json"
    registry.write(
        file, "ear", tmp_path / "weights" / "ear.tflite", tmp_path / "weights" / "ear.md", ("gunshot",), (0.5,)
    )
    return file


@pytest.fixture
def served() -> Iterator[str]:
    """An address that gives three bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"abc")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/ear.tflite"
        server.shutdown()


def _refusal(entry: Entry) -> str:
    with pytest.raises(ModelRefused) as refused:
        entry.read()
    return refused.value.code


def test_a_registered_model_is_found_by_name_full_name_and_path(enrolled: Path) -> None:
    entry = registry.find("ear", enrolled)
    assert entry.read() == b"abc"
    assert entry.full_name == f"ear@{hashlib.sha256(b'abc').hexdigest()[:12]}"
    assert registry.find(entry.full_name, enrolled) == registry.find(entry.file, enrolled) == entry


def test_a_changed_file_is_refused(enrolled: Path) -> None:
    entry = registry.find("ear", enrolled)
    entry.file.write_bytes(b"abd")
    assert _refusal(entry) == "model_hash_differs"


@pytest.mark.parametrize("card", [None, "", "It is good."])
def test_a_model_without_a_real_card_is_refused(enrolled: Path, card: str | None) -> None:
    entry = registry.find("ear", enrolled)
    entry.card.unlink() if card is None else entry.card.write_text(card)
    assert _refusal(entry) == "model_card_missing"


def test_a_missing_file_is_refused_and_pull_brings_it_back(enrolled: Path, served: str) -> None:
    entry = registry.find("ear", enrolled)
    entry.file.unlink()
    assert _refusal(entry) == "model_missing"
    assert registry.pull_file(entry, served) == 3
    assert entry.read() == b"abc"


def test_pull_keeps_nothing_of_another_hash(enrolled: Path, tmp_path: Path) -> None:
    entry = registry.find("ear", enrolled)
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(ModelRefused) as refused:
        registry.pull_file(entry, str(tmp_path / "other"))
    assert refused.value.code == "model_hash_differs"
    assert entry.read() == b"abc"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "/nowhere/at/all", "http://[broken"])
def test_pull_says_when_nothing_is_there(enrolled: Path, address: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        registry.pull_file(registry.find("ear", enrolled), address)
    assert refused.value.code == "model_not_reachable"


def test_what_is_not_registered_is_refused(enrolled: Path, tmp_path: Path) -> None:
    for unknown in ("nose", tmp_path / "weights" / "nose.tflite"):
        with pytest.raises(ModelRefused) as refused:
            registry.find(unknown, enrolled)
        assert refused.value.code == "model_unknown"


@pytest.mark.parametrize("content", ["", "[]", '{"models": [{"name": "ear"}]}', '{"models": 3}'])
def test_a_broken_registry_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "registry.json"
    file.write_text(content)
    with pytest.raises(ModelRefused) as refused:
        registry.entries(file)
    assert refused.value.code == "registry_unreadable"


def test_entering_a_model_again_replaces_it(enrolled: Path) -> None:
    weights = enrolled.parent / "weights"
    (weights / "ear.tflite").write_bytes(b"new")
    registry.write(enrolled, "ear", weights / "ear.tflite", weights / "ear.md", ("gunshot",), (0.4,))
    assert [entry.thresholds for entry in registry.entries(enrolled).values()] == [(0.4,)]
