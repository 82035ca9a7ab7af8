"""The public documents say what runs and what was counted, in both languages, and name nobody who works here."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from hub.commands.main import app
from hub.config import HubConfig
from hub.incident import Incident
from hub.keys import AUDIT, CONFIG, GATE, STORE, SUSPENSIONS
from hub.policy.dpia import QUESTIONS
from hub.policy.mode import config_hash
from hub.store import Decision

OPERATOR = "Claire-Operatrice Duval"


class Reader(html.parser.HTMLParser):
    """Reads a page as a strict reader does: what opens closes, nothing runs, nothing is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
        if tag not in {"meta", "br", "path", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"meta", "br", "path", "rect"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> str:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert not reader.tags & {"script", "img", "iframe", "link", "form"}
    assert "{" not in reader.text.partition("}}")[2].rpartition("}")[2]
    return reader.text.replace("\u00a0", " ")


async def _filled(hub: Any, gunshot: Callable[..., Incident]) -> None:
    store = hub.app[STORE]
    await store.save([gunshot(1), gunshot(2)], 1_795_000_002_000_000)
    decision = Decision(OPERATOR, "reject", "un pétard", 1_795_000_003_000_000, 1)
    await store.decide(gunshot(1).id, decision)


async def _page(client: Any, path: str) -> str:
    async with client.get(path) as answer:
        assert answer.status == 200
        return str(await answer.text())


async def test_a_stranger_reads_the_register_in_french_first_and_finds_no_operator_in_it(
    hub: Any, gunshot: Callable[..., Incident]
) -> None:
    await _filled(hub, gunshot)
    stranger = await hub.session(None)
    async with stranger.get("/register", headers={"Accept-Language": "en"}) as answer:
        assert answer.content_type == "text/html"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        french = read(await answer.text())
    english = read(await _page(stranger, "/register?lang=en"))
    assert "Registre public" in french
    assert "Public register" in english
    everything = french + english
    for path in ("/register.json", "/register/etalab.json", "/register/atrs.json", "/register/dtpr.json"):
        everything += await _page(stranger, path)
    assert OPERATOR not in everything
    assert hub.app[AUDIT].pseudonym(OPERATOR) not in everything
    assert config_hash(hub.app[CONFIG].policy, hub.app[GATE].standing.around) in french


async def test_the_register_s_numbers_are_those_of_the_store(hub: Any, gunshot: Callable[..., Incident]) -> None:
    import time

    now = time.time_ns() // 1_000
    store = hub.app[STORE]
    await store.save([gunshot(n, onset_us=now - 1_000_000) for n in (1, 2, 3)], now)
    await store.decide(gunshot(1).id, Decision(OPERATOR, "reject", "un pétard", now + 4_000_000, 1))
    hub.app[GATE].refused["LEGAL_MODALITY"] += 7
    stranger = await hub.session(None)
    told = json.loads(await _page(stranger, "/register.json"))
    assert told["results"]["signals"]["gunshot"] == {"open": 2, "rejected": 1, "*": 3}
    assert told["human"]["judged"] == 1
    assert told["human"]["median_seconds_to_judgement"] == 4.0
    assert told["results"]["transmitted_without_confirmation"] == 0
    assert told["red_lines"]["passed"] is True
    assert told["audit"]["head"]["size"] >= 1


async def test_a_stop_shows_at_once_although_the_counters_are_kept_for_half_a_minute(hub: Any) -> None:
    stranger = await hub.session(None)
    before = json.loads(await _page(stranger, "/register.json"))
    assert before["mode"] == "dispatch"
    await hub.app[SUSPENSIONS].suspend("*", "A. Martin", "contrôle de la CNIL", 1)
    after = json.loads(await _page(stranger, "/register.json"))
    assert (after["mode"], after["suspended"]) == ("off", ["*"])
    assert "Arrêté par l’acte d’une personne" in read(await _page(stranger, "/register"))


async def test_an_unknown_form_says_which_there_are(hub: Any) -> None:
    stranger = await hub.session(None)
    async with stranger.get("/register/odt.json") as answer:
        assert answer.status == 404
        assert "etalab" in (await answer.json(content_type=None))["detail"]


async def test_accounts_and_sensors_are_in_the_audit_log(hub: Any) -> None:
    client = await hub.session("administrator")
    body = {"name": "Noor Haddad", "role": "auditor", "password": "the bell of the old town"}
    async with client.post("/api/v1/people", json=body) as answer:
        assert answer.status == 201
    async with client.delete("/api/v1/people/Noor Haddad") as answer:
        assert answer.status == 204
    sensor = {"id": "mic-77", "kind": "microphone", "latitude": 45.4, "longitude": 4.3}
    async with client.post("/api/v1/sensors", json=sensor) as answer:
        assert answer.status == 201
    kinds = [leaf.kind for leaf in await hub.app[AUDIT].leaves()]
    assert (kinds.count("person"), kinds.count("sensor")) == (2, 1)
    assert all(b"Noor" not in (leaf.record or b"") for leaf in await hub.app[AUDIT].leaves())


@pytest.fixture
async def data(tmp_path: Path, complete: Any) -> Path:
    """The data of a hub that ran once, with its configuration beside it."""
    from hub.app import serving
    from hub.config import Http
    from hub.registry import SensorRecord

    folder = tmp_path / "data"
    config = HubConfig(data_dir=folder, http=Http(port=0), policy=complete("lab"))
    async with serving(config) as (application, _):
        from hub.keys import REGISTRY

        for name, kind in (("s-1", "microphone"), ("s-2", "camera"), ("autre", "microphone")):
            await application[REGISTRY].add(
                SensorRecord(id=name, kind=kind, latitude=45.4, longitude=4.3)  # type: ignore[arg-type]
            )
    (folder / "hub.toml").write_text(
        f'data_dir = "{folder}"\n[policy]\nprofile = "lab"\nresponsible_person = "A. Martin"\nstart = "2020-01-01"\n'
        'end = "2100-01-01"\ncontroller = "Ville <b>fictive</b>"\n'
    )
    return folder


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["policy", *arguments])


def test_the_command_writes_a_register_that_escapes_what_people_typed(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "registre.html"
    assert run("register", "--data-dir", str(data), "--html", str(out)).exit_code == 0
    text = read(out.read_text())
    assert "Ville <b>fictive</b>" in text
    assert "mode éteint" not in text
    told = json.loads(run("register", "--data-dir", str(data), "--json", "--form", "atrs").output)
    assert told["atrs_version"] == "v3.0"


def test_a_changed_configuration_changes_the_page_and_its_hash(data: Path) -> None:
    before = json.loads(run("register", "--data-dir", str(data), "--json").output)
    config = data / "hub.toml"
    config.write_text(config.read_text() + 'purpose = "autre chose"\n')
    after = json.loads(run("register", "--data-dir", str(data), "--json").output)
    assert before["config_hash"] != after["config_hash"]
    assert after["purpose"] == "autre chose"


def test_a_final_assessment_is_refused_until_a_person_has_answered_everything(data: Path, tmp_path: Path) -> None:
    out, answers = tmp_path / "aipd.html", tmp_path / "answers.toml"
    refused = run("dpia", "--data-dir", str(data), "--out", str(out), "--final")
    assert refused.exit_code == 1
    assert all(key in refused.output for key in QUESTIONS)
    assert not out.exists()
    assert run("dpia", "--out", str(answers), "--questions").exit_code == 0
    empty = answers.read_text()
    given = {"--data-dir": str(data), "--out": str(out), "--answers": str(answers)}
    options = [part for pair in given.items() for part in pair]
    assert run("dpia", *options, "--final").exit_code == 1
    answers.write_text(
        empty.replace("= ''", "= 'Écrit par une personne.'").replace("aim = 'Écrit par une personne.'", "aim = 'TODO'")
    )
    nearly = run("dpia", *options, "--final")
    assert (nearly.exit_code, "1 to write: aim" in nearly.output) == (1, True)
    answers.write_text(empty.replace("= ''", "= 'Écrit par une personne.'"))
    assert run("dpia", *options, "--final").exit_code == 0
    final = read(out.read_text())
    assert "VERSION FINALE" in final
    assert "À écrire par une personne" not in final


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_draft_marks_what_a_person_must_still_write(data: Path, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "draft.html"
    assert run("dpia", "--data-dir", str(data), "--out", str(out), "--lang", lang).exit_code == 0
    text = read(out.read_text())
    assert text.count("For a person to write" if lang == "en" else "À écrire par une personne") == len(QUESTIONS)
    assert "dpia_" not in text
    assert "reg_" not in text


def test_answers_to_questions_that_nobody_asked_are_refused(data: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    for text, words in (
        ("[answers]\nweather = 'nice'\n", "no question"), ("[answers]\naim = 3\n", "is a text"),
        ("aim = 'x'\n", "[answers]"), ("[answers\n", "answers.toml"),
    ):  # fmt: skip
        answers.write_text(text)
        refused = run("dpia", "--data-dir", str(data), "--out", str(tmp_path / "x.html"), "--answers", str(answers))
        assert refused.exit_code == 2
        assert words in refused.output


def test_each_place_gets_a_notice_that_calls_a_microphone_a_microphone(data: Path, tmp_path: Path) -> None:
    config = data / "hub.toml"
    config.write_text(config.read_text() + '[[policy.sensors]]\nid = "s-*"\nnotice = "Panneau n° 3, place Roannelle"\n')
    out = tmp_path / "panneaux"
    made = run("notices", "--data-dir", str(data), "--out", str(out), "--url", "https://capteurs.ville.test")
    assert made.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["autre.html", "panneau-n-3-place-roannelle.html"]
    both = read((out / "panneau-n-3-place-roannelle.html").read_text())
    assert "Microphone et caméra" in both
    assert "https://capteurs.ville.test/register" in both
    assert "EXERCICE" in both
    alone = read((out / "autre.html").read_text())
    assert "Microphone à cet endroit" in alone
    assert "vibration" not in (both + alone).lower()
    assert "Foule" not in alone, "a microphone signals no crowd"


@pytest.mark.parametrize("span", ["week", "year"])
def test_a_report_has_both_kinds_of_error(data: Path, tmp_path: Path, span: str) -> None:
    where = ("--data-dir", str(data))
    assert run("missed", "add", "gunshot", "2026-01-20T23:14", "call", "2026-118", *where).exit_code == 0
    out = tmp_path / "report.html"
    assert run("report", span, *where, "--out", str(out)).exit_code == 0
    text = read(out.read_text())
    assert "Ce qu’il a manqué" in text
    assert "un appel" in text
    assert "Ce qu’il a vu juste, et faux" in text


def test_the_letter_says_that_nothing_is_held_and_how_to_check(data: Path, tmp_path: Path) -> None:
    where = ("--data-dir", str(data))
    assert run("requests", "add", "access", "2026-114", *where).exit_code == 0
    letter = tmp_path / "letter.html"
    assert run("requests", "answer", "1", "no_data", "--letter", str(letter), *where).exit_code == 0
    assert run("requests", "answer", "1", "no_data", *where).exit_code == 1
    text = read(letter.read_text())
    assert "Aucune donnée n’est détenue sur vous" in text
    assert "Dernière racine signée" in text
    assert json.loads(run("requests", "list", "--json", *where).output)["requests"][0]["answer"] == "no_data"


@pytest.mark.parametrize(
    "arguments",
    [
        ("register", "--json"),
        ("register", "--json", "--form", "odt"),
        ("register",),
        ("report", "month", "--out", "x"),
        ("dpia", "--out", "x", "--lang", "de"),
        ("requests", "add", "gossip", "1"),
        ("missed", "add", "anger", "x", "call", "1"),
        ("missed", "add", "gunshot", "2999-01-01", "call", "1"),
    ],
)
def test_a_wrong_question_exits_2_without_a_traceback(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_precision_stands_with_both_denominators_as_chicago_s_would(complete: Any, noon: Any) -> None:
    from hub.policy.telling import wilson
    from hub.store.quality import Quality

    chicago = Quality(real=4_556, not_real=41_830 - 4_556, unreported=50_176 - 41_830)
    assert round(100 * (chicago.real_of_all or 0), 1) == 9.1
    assert round(100 * (chicago.real_of_known or 0), 1) == 10.9
    low, high = wilson(4_556, 41_830)
    assert low < 4_556 / 41_830 < high
    assert msgspec.to_builtins(chicago)["unreported"] == 8_346
