"""Tables of the district folder's files, from the columns that its reader knows."""

from firstbell.folder import COLUMNS, FILES, REQUIRED
from scripts.pages.markdown import code, table
from scripts.pages.meanings import meanings


def files() -> str:
    """One line a file."""
    says = meanings("files", FILES)
    rows = [[code(name), says[name], "yes" if name in REQUIRED else "no"] for name in FILES]
    return table(["file", "what", "needed"], rows)


def columns(file: str) -> str:
    """One line a column of `file`."""
    known, needed = COLUMNS[file]
    says = meanings(file, known)
    rows = [[code(name), "yes" if name in needed else "no", says[name]] for name in known]
    return table(["column", "needed", "meaning"], rows)
