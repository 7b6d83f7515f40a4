"""Ways of teaching and targets, every number with its source; read from `models.toml`."""

import hashlib
from difflib import get_close_matches
from typing import Literal

import msgspec

from firstbell import settings
from firstbell.settings import SettingsError

Confidence = Literal["high", "medium", "low"]

_EARLIEST, _LATEST = 1990, 2100


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number and where it comes from. `low` and `high` bound what sources or judgement allow."""

    value: float
    source: str
    year: int
    confidence: Confidence
    judgement: bool
    low: float | None = None
    high: float | None = None


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every way of teaching. Shares are of 1, `growth` is a year's."""

    rate_mbps: Number
    headroom: Number
    growth: Number
    horizon_years: Number
    floor_mbps: Number
    just_short: Number
    far_below: Number
    tolerance: Number
    slow_start: Number
    wire_octets: Number
    payload_octets: Number
    checks: Number
    days: Number
    times: Number
    places_on_wifi: Number
    window_school_days: Number
    worst_share: Number
    shared_margin: Number
    uptime_share: Number
    uptime_days: Number
    uptime_watched: Number
    replies: Number
    replies_poor: Number
    class_tests: Number
    air_busy: Number
    air_efficiency: Number
    class_size: Number
    rooms_share: Number
    rooms_checked: Number
    room_days: Number
    school_day_h: Number
    device_w: Number
    battery_usable: Number
    battery_health: Number
    batteries: Number
    batteries_share: Number
    home_down_mbps: Number
    home_up_mbps: Number

    @property
    def framing(self) -> float:
        """What a test's payload rate is multiplied by to speak of line rate, as contracts and targets do."""
        return self.wire_octets.value / self.payload_octets.value


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A way of teaching. Shares are of all people, in the busiest hour; `fullest_share` is the worst of it.

    `rate_mbps` takes the place of the common rate; only with `up_rate_mbps` does a source ask for an
    upload. `home` says whether students learn at home in it.
    """

    name: str
    how: str
    home: bool
    onsite_share: Number
    online_share: Number
    fullest_share: Number
    people_per_device: Number
    also: tuple[str, ...] = ()
    rate_mbps: Number | None = None
    up_rate_mbps: Number | None = None


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """What a published target asks of districts with fewer students than `below_students` (None: all)."""

    mbps: float
    below_students: int | None = None
    least_mbps: float = 0


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A published target: so many Mbit/s for each `per`. `level` is whom its source speaks of."""

    name: str
    level: Literal["school", "district"]
    per: Literal["person", "student", "online"]
    bands: tuple[Band, ...]
    source: str
    year: int
    confidence: Confidence
    judgement: bool


class _File(msgspec.Struct, frozen=True, kw_only=True):
    numbers: Numbers
    models: dict[str, Model]
    published: dict[str, Published]


class Targets(_File, frozen=True, kw_only=True):
    """Everything in `models.toml`. `digest` names the exact text that it was read from."""

    digest: str

    def find(self, asked: str) -> tuple[str, Model]:
        """Id and model of the way of teaching called `asked`. Raises LookupError that names them all."""
        wanted = _plain(asked)
        for model_id, model in self.models.items():
            if wanted in map(_plain, (model_id, model.name, *model.also)):
                return model_id, model
        ids = {_plain(model_id): model_id for model_id in self.models}
        near = get_close_matches(wanted, ids, n=1)
        hint = f". Did you mean {ids[near[0]]}?" if near else ""
        known = ", ".join(self.models)
        raise LookupError(f"{asked!r} is no way of teaching known here; known: {known}{hint}")


def load(text: str, name: str = "models.toml") -> Targets:
    """The targets in `text`. Raises SettingsError with every complaint at once."""
    file = settings.load(name, text, _File)
    complaints = [*_number_complaints(file), *_model_complaints(file), *_band_complaints(file)]
    if complaints:
        raise SettingsError(name, complaints)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Targets(numbers=file.numbers, models=file.models, published=file.published, digest=digest)


def _plain(name: str) -> str:
    letters = name.casefold().replace("à", "a").removeprefix("1:1")
    return "".join(letter for letter in letters if letter.isalnum())


_ABOVE_ZERO = (
    "rate_mbps",
    "wire_octets",
    "payload_octets",
    "checks",
    "days",
    "times",
    "window_school_days",
    "uptime_days",
    "replies",
    "class_tests",
    "battery_usable",
)
_SHARES = (
    "just_short",
    "far_below",
    "tolerance",
    "slow_start",
    "worst_share",
    "uptime_share",
    "uptime_watched",
    "air_busy",
    "air_efficiency",
    "rooms_share",
    "rooms_checked",
    "battery_usable",
    "battery_health",
    "batteries_share",
    "onsite_share",
    "online_share",
    "fullest_share",
)


def _number_complaints(file: _File) -> list[str]:
    complaints = []
    parts = [("numbers", file.numbers), *((f"models.{key}", model) for key, model in file.models.items())]
    for path, part in parts:
        for field in part.__struct_fields__:
            number = getattr(part, field)
            if isinstance(number, Number):
                complaints += [f"{path}.{field} {trouble}" for trouble in _troubles(field, number)]
    return complaints


def _troubles(field: str, number: Number) -> list[str]:
    troubles = []
    if not 0 <= number.value < float("inf"):
        troubles.append(f"is {number.value}: it must be a finite number, not below 0")
    if field in _ABOVE_ZERO and number.value == 0:
        troubles.append("is 0: it must be above 0")
    if field in _SHARES and number.value > 1:
        troubles.append(f"is {number.value}: a share is at most 1")
    if not number.source.strip():
        troubles.append("names no source; a judgement's source says why")
    if not _EARLIEST <= number.year <= _LATEST:
        troubles.append(f"has the year {number.year}")
    return troubles


def _model_complaints(file: _File) -> list[str]:
    complaints = [] if file.models else ["models: there must be one way of teaching at least"]
    for key, model in file.models.items():
        if model.fullest_share.value < model.online_share.value:
            complaints.append(f"models.{key}.fullest_share is below online_share")
        if model.onsite_share.value * model.online_share.value <= 0:
            complaints.append(f"models.{key}: nobody is online in it")
    return complaints


def _band_complaints(file: _File) -> list[str]:
    complaints = []
    for key, target in file.published.items():
        edges = [band.below_students for band in target.bands]
        rising = [edge for edge in edges if edge is not None]
        if not edges or edges[-1] is not None or None in edges[:-1] or rising != sorted(rising):
            complaints.append(
                f"published.{key}.bands must rise by below_students; the last has none, for all others"
            )
        if not all(0 < band.mbps < float("inf") and band.least_mbps >= 0 for band in target.bands):
            complaints.append(f"published.{key}.bands: mbps must be above 0")
        if not target.source.strip():
            complaints.append(f"published.{key} names no source")
        if target.level == "district" and target.per == "online":
            complaints.append(f"published.{key}: who is online at once is known of a school only")
    return complaints
