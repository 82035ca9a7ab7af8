"""The optional detector is fetched by a person, under its licence, and only as what it is known to be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.commands.main import app
from models.fetched import FOLDER_VARIABLE, KNOWN, YOLOX_NANO, Fetched
from models.registry import ModelRefused

CONTENT = b"weights"
PULL = ["models", "pull", "yolox-nano"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what is fetched."""
    place = tmp_path / "fetched"
    monkeypatch.setenv(FOLDER_VARIABLE, str(place))
    return place


@pytest.fixture
def model(tmp_path: Path) -> Fetched:
    """A model whose release is a file."""
    release = tmp_path / "release.onnx"
    release.write_bytes(CONTENT)
    pinned = hashlib.sha256(CONTENT).hexdigest()
    return dataclasses.replace(YOLOX_NANO, address=str(release), size=len(CONTENT), sha256=pinned, also=())


@pytest.fixture
def known(model: Fetched, monkeypatch: pytest.MonkeyPatch) -> Fetched:
    """The same, under the detector's name on the command line."""
    monkeypatch.setitem(KNOWN, model.name, model)
    return model


def test_what_was_not_fetched_is_absent(model):
    assert model.read() is None


def test_a_pull_keeps_what_is_pinned_and_names_it_by_its_hash(model, folder):
    name, file = model.pull()
    assert name == f"yolox-nano@{model.sha256[:12]}"
    assert file.parent == folder
    assert model.read() == (name, CONTENT)


def test_another_content_is_refused_and_nothing_is_kept(model, tmp_path):
    (tmp_path / "other").write_bytes(b"something else")
    with pytest.raises(ModelRefused) as refused:
        model.pull(str(tmp_path / "other"))
    assert refused.value.code == "model_hash_differs"
    assert model.read() is None


def test_a_file_that_was_changed_since_never_runs(model):
    _, file = model.pull()
    file.write_bytes(CONTENT + b"!")
    with pytest.raises(ModelRefused, match="sha256"):
        model.read()


def test_another_export_of_the_same_weights_runs_where_it_is_named(model, tmp_path):
    (tmp_path / "export").write_bytes(b"export")
    also = dataclasses.replace(model, also=(hashlib.sha256(b"export").hexdigest(),))
    assert also.pull(str(tmp_path / "export"))[0] == f"yolox-nano@{also.also[0][:12]}"


def test_the_release_is_its_makers_and_pinned():
    assert YOLOX_NANO.address.startswith("https://github.com/Megvii-BaseDetection/YOLOX/releases/download/")
    assert all(len(one) == 64 for one in (YOLOX_NANO.sha256, *YOLOX_NANO.also))


def test_the_licence_is_shown_and_has_to_be_accepted(known):
    result = CliRunner().invoke(app, PULL)
    assert result.exit_code == 2
    assert "licence Apache-2.0" in result.output
    assert "licence_not_accepted" in result.output
    assert known.read() is None


def test_an_accepted_licence_fetches_it_and_the_list_says_so(known):
    result = CliRunner().invoke(app, [*PULL, "--accept-licence"])
    assert result.exit_code == 0, result.output
    listed = json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)
    (row,) = listed["optional"]
    assert (row["name"], row["state"]) == (f"yolox-nano@{known.sha256[:12]}", "ok")


def test_a_box_without_network_takes_a_file_that_was_carried_there(known, tmp_path):
    carried = tmp_path / "carried.onnx"
    carried.write_bytes(CONTENT)
    assert CliRunner().invoke(app, [*PULL, "--from", str(carried), "--accept-licence"]).exit_code == 0
    assert known.read() is not None


def test_no_network_is_said_with_the_way_round_it(known):
    result = CliRunner().invoke(app, [*PULL, "--address", "http://127.0.0.1:9/none", "--accept-licence"])
    assert result.exit_code == 2
    assert "model_not_reachable" in result.output
    assert "--from" in result.output


def test_a_folder_that_cannot_be_written_is_said(known, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "below"))
    result = CliRunner().invoke(app, [*PULL, "--accept-licence"])
    assert result.exit_code == 2
    assert "model_not_writable" in result.output


def test_the_real_detector_is_one_that_is_known(shared_data):
    _, file = YOLOX_NANO.pull(str(shared_data / "models" / "yolox_nano.onnx"))
    assert file.stat().st_size > 3_000_000
