"""The dashboards against Grafana's own published types, from 9.3 to 13: each field that it knows, and no other.

    python tests/checks/grafana_schema.py

Fetches the package `@grafana/schema` of each version and TypeScript with npm into a folder that goes, and has the
compiler check the dashboards' JSON as typed literals: an unknown or mistyped field, an option that a panel of that
version has not, a value outside its list. Ends with 1 where the compiler finds something. It needs no Grafana, and
says nothing of what Grafana then draws.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DASHBOARDS: Final = sorted((Path(__file__).resolve().parents[2] / "dashboards" / "json" / "en").glob("*.json"))
VERSIONS: Final = ("9.3.0", "10.4.0", "11.6.0", "12.4.0", "13.2.0")
TYPESCRIPT: Final = "5.9.3"
ENUM: Final = re.compile(r"(export )?declare enum (\w+) \{(.*?)\}", re.DOTALL)
VALUE: Final = re.compile(r"= (\"[^\"]*\"|-?\d+)")
OPEN: Final = re.compile(r"interface ((?:AnnotationTarget|AnnotationQuery|DataQuery|VariableModel)\b[^{]*)\{")
"""What a data source adds to its queries, annotations and variables is its own, and not in these types."""
MEMBER: Final = re.compile(r"^(\s+\w+): ", re.MULTILINE)
"""A field that has to be there; the types of 9.3 demand those too that Grafana has defaults for."""
NULLS: Final = re.compile(r"(interface Threshold \{.*?value\??: number)( \| null)?;", re.DOTALL)
"""The lowest threshold is minus infinity, which JSON writes as null."""
PANELS: Final = {
    "bargauge": "bargauge", "geomap": "geomap", "stat": "stat", "state-timeline": "statetimeline",
    "status-history": "statushistory", "table": "table", "text": "text", "timeseries": "timeseries",
}  # fmt: skip
"""Where the types of a panel's options lie."""


def literal(text: str, *, defaults_demanded: bool = False) -> str:
    """Types whose values are literals instead of enumerations: JSON has no enumerations."""

    def union(found: re.Match[str]) -> str:
        return f"{found[1] or ''}declare type {found[2]} = {' | '.join(VALUE.findall(found[3])) or 'never'};"

    text = ENUM.sub(union, text)
    if defaults_demanded:
        text = MEMBER.sub(r"\1?: ", text)
    return NULLS.sub(r"\1 | null;", OPEN.sub(r"interface \1{ [own: string]: any;", text))


def options_file(package: Path, panel: str) -> Path | None:
    """The types of a panel's options in that version; None where it publishes none."""
    found = sorted(package.glob(f"dist/**/composable/{PANELS[panel]}/**/*.gen.d.ts"))
    return next((path for path in found if "dist/types" in path.as_posix()), found[0] if found else None)


def source(package: Path) -> Iterator[str]:
    """The dashboards as TypeScript that the version's types have to accept."""
    yield 'import type { Dashboard } from "@grafana/schema";'
    lines, known = [], {}
    for number, path in enumerate(DASHBOARDS):
        dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lines.append(f"// {path.name}\nexport const dashboard{number}: Dashboard = {json.dumps(dashboard)};")
        for place, panel in enumerate(dashboard["panels"]):
            kind = panel["type"]
            file = options_file(package, kind)
            if file is None or "interface Options" not in file.read_text(encoding="utf-8"):
                continue
            known[kind] = file.relative_to(package.parents[2]).as_posix().removesuffix(".d.ts")
            alias = f"Options_{PANELS[kind]}"
            lines.append(f"// {path.name}: {panel['title']}")
            lines.append(f"export const panel{number}_{place}: Partial<{alias}> = {json.dumps(panel['options'])};")
    for kind, name in sorted(known.items()):
        yield f'import type {{ Options as Options_{PANELS[kind]} }} from "./{name}";'
    yield from lines


def faults(folder: Path, version: str) -> list[str]:
    """Fetch that version's types and the compiler, and give what it says."""
    (folder / "package.json").write_text("{}", encoding="utf-8")
    wanted = [f"typescript@{TYPESCRIPT}", f"@grafana/schema@{version}"]
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *wanted]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    package = folder / "node_modules" / "@grafana" / "schema"
    said = json.loads((package / "package.json").read_text(encoding="utf-8"))
    if said["types"].startswith("src/"):  # 9.3 names its sources, which it does not bring
        (package / "package.json").write_text(json.dumps({**said, "types": "dist/index.d.ts"}), encoding="utf-8")
    for path in package.rglob("*.d.*ts"):
        text = literal(path.read_text(encoding="utf-8"), defaults_demanded=version.startswith("9."))
        path.write_text(text, encoding="utf-8")
    checked = folder / "checked.ts"
    checked.write_text("\n".join(source(package)), encoding="utf-8")
    compiler = [str(folder / "node_modules" / ".bin" / "tsc"), "--noEmit", "--strict", "--skipLibCheck"]
    compiler += ["--target", "es2022", "--module", "esnext", "--moduleResolution", "node10", str(checked)]
    done = subprocess.run(compiler, cwd=folder, capture_output=True, text=True, check=False)
    lines = checked.read_text(encoding="utf-8").splitlines()
    told = []
    for line in done.stdout.splitlines():
        found = re.match(r".*\((\d+),(\d+)\): (error .*)", line)
        if found:
            near = lines[int(found[1]) - 1][int(found[2]) - 1 :][:80]
            told.append(f"{lines[int(found[1]) - 2][:60]} … {near} … {found[3]}")
        else:
            told.append(line)
    return told


def main() -> int:
    """Check each version and report; the exit status."""
    total = 0
    for version in VERSIONS:
        with tempfile.TemporaryDirectory() as made:
            found = faults(Path(made), version)
        total += len(found)
        print(f"Grafana {version}: {len(DASHBOARDS)} dashboards, faults: {len(found)}", *found, sep="\n  ")  # noqa: T201
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
