"""The targets that boards draw: those of the verdicts, out of `models.toml`, and no number twice."""

from importlib import resources

from firstbell.readiness import models

_TEXT = resources.files("firstbell.readiness").joinpath("models.toml").read_text(encoding="utf-8")
TARGETS = models.load(_TEXT)
NUMBERS = TARGETS.numbers

ENOUGH = 1.0
"""What is there as a share of what is needed: from here on it is enough."""
JUST_SHORT = NUMBERS.just_short.value
REPLIES = NUMBERS.replies.value
REPLIES_POOR = NUMBERS.replies_poor.value
AIR_BUSY_PCT = 100 * NUMBERS.air_busy.value
BATTERY_HEALTH_PCT = 100 * NUMBERS.battery_health.value
BATTERY_LEAST_PCT = 100 * (1 - NUMBERS.battery_usable.value)
"""The charge that is not for lessons."""
CHECKS = NUMBERS.checks.value

MODELS = {model_id: model.name for model_id, model in TARGETS.models.items()}
"""The name of each way of teaching by its id."""
