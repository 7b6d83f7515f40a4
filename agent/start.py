"""Where `firstbell-agent` starts: with the box's libraries, or with a sentence that says how to get them."""

import sys

SENTENCE = (
    "firstbell-agent is the box's program, and its library {library} is not installed here. "
    "Where First Bell's source is: pip install '.[agent]'. The district's program is firstbell."
)


def main() -> None:
    """Run the command; without its libraries, say what to install."""
    try:
        from agent.cli import main as command  # noqa: PLC0415 - what may be missing
    except ModuleNotFoundError as missing:
        if not missing.name or missing.name.split(".")[0] in {
            "agent",
            "firstbell",
        }:  # ours: no mistake of theirs
            raise
        sys.exit(f"Error: {SENTENCE.format(library=missing.name)}")
    command()
