"""A verb whose extra is not installed says which."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hub.commands._extras import EXTRAS, bringing

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
WITHOUT = """
import sys
sys.modules[{module!r}] = None  # what an import finds where the distribution is not installed
from hub.commands.main import main
sys.argv = ["tocsin", *{arguments!r}]
main()
"""


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _wanted(extra: str) -> set[str]:
    requirements = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["optional-dependencies"][extra]
    return {_normal(re.split(r"[\[><=;~! ]", one, maxsplit=1)[0]) for one in requirements}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_table_names_what_the_package_brings(extra: str) -> None:
    distributions = {module: {_normal(one) for one in names} for module, names in packages_distributions().items()}
    if missing := [module for module in EXTRAS[extra] if module not in distributions]:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    wanted = _wanted(extra)
    brought = set().union(*(distributions[module] & wanted for module in EXTRAS[extra]))
    assert brought == wanted
    assert all(distributions[module] & wanted for module in EXTRAS[extra])


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("sqlalchemy", ["sensors", "list"], "hub"),
        ("cv2", ["camera", "--url", "rtsp://127.0.0.1/x"], "camera"),
        ("sounddevice", ["mic", "--list"], "mic"),
    ],
)
def test_a_verb_without_its_extra_says_how_to_install_it(module: str, arguments: list[str], extra: str) -> None:
    code = WITHOUT.format(module=module, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    assert f"tocsin[{extra}]" in done.stderr
    assert done.returncode == 2


def test_a_module_of_no_extra_is_a_fault_and_not_advice() -> None:
    assert bringing("sqlalchemy.exc") == "hub"
    assert bringing("antigravity") is None
