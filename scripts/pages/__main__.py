"""`scripts/docs [--check]`: write the made parts of the pages anew, or tell which are stale."""

import sys

from scripts.pages import book


def main() -> str | None:
    """Write, or with `--check` look; what is wrong, if anything is."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        return "usage: scripts/docs [--check]"
    stale = []
    for page in book.pages():
        text = page.read_text(encoding="utf-8")
        today = book.written_anew(text)
        if text != today:
            stale.append(page.name)
            if not check:
                page.write_text(today, encoding="utf-8")
    if check and stale:
        return f"not as the program is today: {', '.join(stale)}. Run scripts/docs"
    print(
        f"written: {', '.join(stale) or 'nothing, all was as it should be'}" if not check else "all current"
    )
    return None


if __name__ == "__main__":
    sys.exit(main())
