"""The production set: pinned, health-checked, secrets by file, and its parts fit each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboards.alerts import SOURCE_UID, rules
from dashboards.build import ALERTING, DEFAULT_HUB, alerting
from hub.config import load_config

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "dashboards" / "provisioning"


def yaml(path: Path) -> Any:
    pytest.importorskip("yaml")
    return msgspec.yaml.decode(path.read_bytes())


@pytest.fixture
def compose() -> Any:
    return yaml(ROOT / "compose.yaml")


def test_every_image_is_pinned_and_every_service_health_checked(compose: Any) -> None:
    assert set(compose["services"]) == {"hub", "influxdb", "grafana", "postgres", "nats"}
    for name, service in compose["services"].items():
        assert re.search(r":\d+\.\d+", service["image"]), name
        assert "latest" not in service["image"]
        assert service["healthcheck"]["test"][0] == "CMD", name
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM"):
            assert re.search(r":\d+\.\d+\.\d+-", line)


def test_secrets_come_by_file_and_stand_in_no_environment(compose: Any) -> None:
    given = set(compose["secrets"])
    for name, service in compose["services"].items():
        assert set(service.get("secrets", ())) <= given
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|PASSFILE", key):
                assert str(value).startswith("/run/secrets/"), f"{name}: {key}"
                assert str(value).rsplit("/", 1)[1] in service["secrets"]
    ignored = subprocess.run(["git", "check-ignore", "-q", "secrets/x"], cwd=ROOT, check=False).returncode
    assert ignored == 0, "the folder of secrets could be committed"


def test_nothing_listens_beyond_loopback(compose: Any) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_configuration_is_sound_and_fits(compose: Any) -> None:
    config = load_config(ROOT / "dashboards" / "compose" / "tocsin.toml")
    assert config.policy.profile == "statistics-only"
    influx = compose["services"]["influxdb"]["environment"]
    assert config.influxdb.bucket == influx["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert config.influxdb.org == influx["DOCKER_INFLUXDB_INIT_ORG"]
    assert config.http.public_url == DEFAULT_HUB, "the checked-in dashboards lead to this address"
    assert config.log.servers == ["nats://nats:4222"]
    assert config.cluster.name
    assert "profiles" not in compose["services"]["nats"], "the hub's log is there without being asked for"
    assert compose["services"]["hub"]["depends_on"]["nats"] == {"condition": "service_healthy"}
    for path in (config.influxdb.token_file, config.grafana.alerts_token_file, config.log.password_file):
        assert path is not None
        assert path.name in compose["services"]["hub"]["secrets"]


def test_the_log_of_the_set_is_synced_before_it_acknowledges(compose: Any) -> None:
    said = (ROOT / "dashboards" / "compose" / "nats.conf").read_text(encoding="utf-8")
    assert "sync_interval: always" in said
    assert "include ../../run/secrets/nats_users" in said
    assert "password" not in re.sub(r"#.*", "", said)
    assert any(
        volume.startswith("./dashboards/compose/nats.conf:") for volume in compose["services"]["nats"]["volumes"]
    )
    version = re.search(r"nats:(\d+)\.(\d+)", compose["services"]["nats"]["image"])
    assert version is not None
    assert (int(version[1]), int(version[2])) >= (2, 10), "an older server can't be told to sync"


@pytest.mark.e2e
def test_a_real_server_reads_the_configuration_of_the_set(tmp_path: Path) -> None:
    program = shutil.which("nats-server")
    if program is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")
    said = (ROOT / "dashboards" / "compose" / "nats.conf").read_text(encoding="utf-8")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if re.search(r"v2\.[0-9]\.", done.stdout):
        said = said.replace("sync_interval: always", "")  # an older one does not know it
    folder = tmp_path / "etc" / "nats"
    secrets = tmp_path / "run" / "secrets"
    folder.mkdir(parents=True)
    secrets.mkdir(parents=True)
    (folder / "nats.conf").write_text(said)
    (secrets / "nats_users").write_text('authorization { user: tocsin, password: "secret" }\n')
    done = subprocess.run([program, "-t", "-c", str(folder / "nats.conf")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_data_source_is_the_one_that_dashboards_and_alerts_ask(compose: Any) -> None:
    (source,) = yaml(PROVISIONING / "datasources" / "tocsin.yaml")["datasources"]
    assert source["uid"] == SOURCE_UID
    assert source["jsonData"]["version"] == "InfluxQL"
    (provider,) = yaml(PROVISIONING / "dashboards" / "tocsin.yaml")["providers"]
    assert f"{provider['options']['path']}:ro" in "\n".join(compose["services"]["grafana"]["volumes"])


def test_the_alerts_by_file_are_those_that_are_pushed() -> None:
    assert ALERTING.read_text(encoding="utf-8") == alerting(), "run `tocsin dashboards build`"
    said = json.loads(alerting().replace("$$", "$"))
    assert [rule["uid"] for rule in said["groups"][0]["rules"]] == [rule["uid"] for rule in rules()]
    assert "$__file{/run/secrets/alerts_token}" in alerting()


def test_compose_itself_reads_it(tmp_path: Path) -> None:
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    if shutil.which(command[0]) is None or subprocess.run([*command, "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    done = subprocess.run(
        [*command, "-f", "compose.yaml", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
