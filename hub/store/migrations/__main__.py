"""Draft the next migration from the difference between the declared tables and the chain so far."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from hub.store.engine import script_folder
from hub.store.metadata import TABLE_MODULES


def load_tables() -> None:
    """Import every module that declares tables, so that METADATA is complete."""
    for name in TABLE_MODULES:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def draft(message: str) -> None:
    """Write the next file of the chain; the database it compares with is built in memory."""
    load_tables()
    versions = script_folder() / "versions"
    number = len(list(versions.glob("[0-9]*.py"))) + 1
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with create_engine("sqlite://").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    words = " ".join(sys.argv[1:])
    if not re.search(r"\w", words):
        sys.exit('usage: python -m hub.store.migrations "what changes"')
    draft(words)
