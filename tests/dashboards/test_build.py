"""The checked-in JSON is what the code builds, complete in both languages, and sound as Grafana reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dashboards.build import BUILDERS, JSON, dashboards, encoded, files, french, spoken, untranslated, write
from dashboards.geomap import LAYERS

EVERY = [pytest.param(one, id=one["uid"]) for one in dashboards()]


def test_the_files_are_not_stale() -> None:
    lying = {path.relative_to(JSON): path.read_text(encoding="utf-8") for path in JSON.rglob("*.json")}
    assert lying == files(), "run `tocsin dashboards build`"


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    assert len(write(tmp_path)) == 2 * len(BUILDERS)
    assert write(tmp_path) == []


def test_everything_that_is_read_is_said_in_french() -> None:
    assert untranslated() == set()
    said = {words for build in BUILDERS for words in spoken(build())}
    assert set(french()) <= said | {"Zones"}, "a translation of what nobody says any more"


def test_the_languages_differ_in_words_alone() -> None:
    def bones(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: bones(value) for key, value in part.items()}
        return [bones(one) for one in part] if isinstance(part, list) else type(part)

    for english, translated in zip(dashboards("en"), dashboards("fr"), strict=True):
        assert bones(english) == bones(translated)
        queries = [[t.get("query") for t in p["targets"]] for p in english["panels"]]
        assert queries == [[t.get("query") for t in p["targets"]] for p in translated["panels"]]


@pytest.mark.parametrize("dashboard", EVERY)
def test_panels_fill_their_rows_and_never_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height
    assert [panel["id"] for panel in dashboard["panels"]] == list(range(1, len(dashboard["panels"]) + 1))


@pytest.mark.parametrize("dashboard", EVERY)
def test_every_panel_has_a_unit_an_empty_state_and_a_source_by_variable(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        if panel["type"] in {"text", "geomap"}:
            continue
        assert defaults["unit"]
        assert defaults["noValue"]
        assert defaults["thresholds"]["steps"][0]["value"] is None
        if panel["datasource"]["type"] == "influxdb":
            assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("dashboard", EVERY)
def test_queries_keep_to_what_influxql_of_every_version_has(dashboard: dict[str, Any]) -> None:
    """No INTO, no joins, no Flux, no SQL; strings in single quotes; every query bounded in time."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target.get("query")
            if query is None:
                continue
            assert query.startswith("SELECT ")
            assert "$timeFilter" in query
            for word in (" INTO ", " JOIN ", "|>", " HAVING ", "HOLT_WINTERS", "derivative(mean"):
                assert word not in query


def test_layers_are_those_that_the_hub_serves_and_follow_its_address() -> None:
    for hub in ("https://hub.example", "https://hub.example/"):
        text = "".join(encoded(one) for one in dashboards("en", hub))
        assert "__HUB__" not in text
        sources = {
            layer["config"]["src"]
            for one in dashboards("en", hub)
            for panel in one["panels"]
            for layer in panel["options"].get("layers", ())
            if layer["type"] == "geojson"
        }
        assert sources == {f"https://hub.example/api/v1/layers/{name}.geojson" for name in LAYERS}


def test_an_incident_of_the_queue_opens_in_the_console() -> None:
    room = dashboards("en", "https://hub.example")[0]
    text = json.dumps(room)
    assert "${hub}/incidents/${__data.fields.id}" in text
    assert '"value": "https://hub.example"' in text
