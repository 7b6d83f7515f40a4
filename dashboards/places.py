"""Where things lie that are made once and shipped, and how they are read."""

import json
from pathlib import Path

from dashboards import Json

HERE = Path(__file__).parent
GENERATED = "generated"
PROVISIONING = "provisioning"
FOLDER_UID = "firstbell"
FOLDER = "First Bell"
PAGES_VARIABLE = "firstbell"
RUNBOOK = "docs/troubleshooting.md"
"""What to do about an alert, where it lies in the repository; whoever serves it says where (`files`)."""


def boards(root: Path = HERE) -> list[Json]:
    """Every board that was made. Raises OSError, ValueError."""
    paths = sorted((root / GENERATED).glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def with_pages(board: Json, pages: str) -> Json:
    """The board with the address of First Bell's own pages in its links."""
    variables = [
        _constant(variable, pages) if variable["name"] == PAGES_VARIABLE else variable
        for variable in board["templating"]["list"]
    ]
    return {**board, "templating": {"list": variables}}


def _constant(variable: Json, value: str) -> Json:
    return {**variable, "query": value, "current": {"selected": True, "text": value, "value": value}}


def text_of(board: Json) -> str:
    """A board as its file has it."""
    return json.dumps(board, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
