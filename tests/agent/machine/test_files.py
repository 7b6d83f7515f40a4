"""The door to files, on folders that are machines."""

from pathlib import Path

from agent.machine.files import Files


def test_text_is_read_below_the_root_whatever_the_path_begins_with(tmp_path: Path) -> None:
    """A path with a leading slash stays inside the fake machine."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/version").write_text("  Linux of the test\n")
    assert Files(tmp_path).text("/proc/version") == "Linux of the test"


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    """A missing file and a folder in its place are both something that the machine doesn't tell."""
    (tmp_path / "folder").mkdir()
    assert Files(tmp_path).text("/proc/none") is None
    assert Files(tmp_path).text("folder") is None


def test_a_number_is_read_or_none(tmp_path: Path) -> None:
    """Whole numbers alone are numbers; an empty sysfs file is none."""
    for name, text in (("good", "42500\n"), ("empty", ""), ("words", "N/A")):
        (tmp_path / name).write_text(text)
    files = Files(tmp_path)
    assert (files.number("good"), files.number("empty"), files.number("words")) == (42500, None, None)


def test_bytes_that_are_no_text_do_not_stop_a_probe(tmp_path: Path) -> None:
    """A driver may print anything."""
    (tmp_path / "file").write_bytes(b"\xff\xfe1")
    assert (Files(tmp_path).text("file") or "").endswith("1")


def test_names_are_sorted_and_empty_without_a_folder(tmp_path: Path) -> None:
    """Names come in one order on every machine."""
    for name in ("wlan0", "eth0"):
        (tmp_path / "sys" / name).mkdir(parents=True)
    assert Files(tmp_path).names("/sys") == ("eth0", "wlan0")
    assert Files(tmp_path).names("/none") == ()


def test_free_space_is_known_where_there_is_a_disk(tmp_path: Path) -> None:
    """A path that isn't there has no free space to tell of."""
    free = Files(tmp_path).free_bytes("/")
    assert free is not None
    assert free > 0
    assert Files(tmp_path).free_bytes("/none") is None
