"""The OpenAPI document against the application that it describes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
import schemathesis

from hub.access.rules import rule_of
from hub.api.openapi import document
from hub.app import build_application
from hub.config import HubConfig
from hub.sinks.cloudevents import EVENT_TYPES


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(build_application(HubConfig()))


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_address_that_has_a_rule_is_in_it_and_no_other(described: dict[str, Any]) -> None:
    app = build_application(HubConfig())
    routes = {
        (route.method.lower(), resource.canonical)
        for resource in app.router.resources()
        for route in resource
        if route.method != "HEAD" and rule_of(route.method, resource.canonical) is not None
    }
    assert {(method, path) for path, one in described["paths"].items() for method in one} == routes


def test_a_reader_of_the_standard_takes_it_whole(described: dict[str, Any]) -> None:
    operations = list(schemathesis.openapi.from_dict(described).get_all_operations())
    assert len(operations) == sum(len(one) for one in described["paths"].values())
    assert all(operation.ok() for operation in operations)


def test_nothing_is_pointed_at_that_is_not_there(described: dict[str, Any]) -> None:
    for reference in references(described):
        name = reference.removeprefix("#/components/schemas/")
        assert name in described["components"]["schemas"], reference


def test_the_wire_is_described_as_it_is_closed(described: dict[str, Any]) -> None:
    detection = described["components"]["schemas"]["Detection"]
    assert detection["additionalProperties"] is False
    assert not re.search("audio|image|sound_data|embedding|spectrogram|face", str(detection["properties"].keys()))


def test_what_changes_something_says_who_may_and_what_it_carries(described: dict[str, Any]) -> None:
    decide = described["paths"]["/api/v1/incidents/{id}/decisions"]["post"]
    assert "operator" in decide["description"]
    assert {one["name"] for one in decide["parameters"]} == {"id", "X-Tocsin"}
    schema = decide["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/DecisionBody"}


def test_every_outgoing_webhook_is_in_it_with_its_signature(described: dict[str, Any]) -> None:
    assert set(described["webhooks"]) == set(EVENT_TYPES)
    for one in described["webhooks"].values():
        assert {header["name"] for header in one["post"]["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }


async def test_a_hub_gives_it_to_everybody(hub: Any) -> None:
    client = await hub.session(None)
    async with client.get("/api/v1/openapi.json") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told == json.loads(json.dumps(await asyncio.to_thread(document, hub.app)))
