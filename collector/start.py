"""Where `firstbell` starts: with the district's libraries, or with a sentence that says how to get them."""

import sys

SENTENCE = (
    "firstbell is the district's program, and its library {library} is not installed here. "
    "Where First Bell's source is: pip install '.[collector]'. The box's program is firstbell-agent."
)


def main() -> None:
    """Run the command; without its libraries, say what to install."""
    try:
        from collector.cli import main as command  # noqa: PLC0415 - what may be missing
    except ModuleNotFoundError as missing:
        if not missing.name or missing.name.split(".")[0] in {
            "collector",
            "firstbell",
        }:  # ours: no mistake of theirs
            raise
        sys.exit(f"Error: {SENTENCE.format(library=missing.name)}")
    command()
