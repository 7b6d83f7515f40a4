"""What a box's radio and its power say at a moment: the probes `wifi_link`, `wifi_air` and `power`."""

import random

from collector.demo.physics import Physics
from collector.demo.town import DAY_NS, HUB, NS, Battery, Box, Stay
from firstbell.catalogue import Reading
from firstbell.report import Finding, Medium, Status

_CHANNEL_MHZ = 5_500
_WIDTH_MHZ = 40
_OVERHEAD_PCT = 3.0
_DESIGN_WH = 52.0
_FULL_AIR = 0.9
_AP_SEES_LESS = 0.94
_WATCHED_S = 60.0
_PEOPLE_A_STATION = 24
NO_WIFI = "this machine is on no wireless network"


def wifi_link(physics: Physics, stay: Stay, at_ns: int, dice: random.Random) -> Finding:
    """How the box hangs on the room's access point."""
    if not physics.has_air(stay.school, stay.room, at_ns):
        return Finding(status=Status.FAILED, reason=NO_WIFI, medium=Medium.WIFI)
    site = physics.site(stay.school)
    full = physics.busy_pct(stay.school, at_ns, dice.random()) / 100
    signal = site.air.signal_dbm + dice.uniform(-2.5, 2.5)
    rate = max(26.0, min(400.0, 400 + (signal + 55) * 11)) * dice.uniform(0.85, 1.0)
    readings: dict[str, Reading] = {
        "signal_dbm": round(signal, 1),
        "rx_rate_mbps": round(rate, 1),
        "tx_rate_mbps": round(rate * 0.9, 1),
        "expected_mbps": round(rate * 0.55 * (1 - full * 0.6), 1),
        "frequency_mhz": _CHANNEL_MHZ,
        "width_mhz": _WIDTH_MHZ,
        "wifi_generation": 5,
        "spatial_streams": 2,
        "tx_frames": dice.randint(600, 4_000),
        "tx_retry_pct": round(min(90.0, 3 + 45 * full**2 * dice.uniform(0.8, 1.2)), 1),
        "tx_failed_pct": round(max(0.0, full - _FULL_AIR) * 20 + dice.uniform(0, 0.2), 2),
        "lost_beacons": 0,
        "connected_s": float(at_ns % DAY_NS // NS),
        "ap_changed": False,
    }
    return Finding(status=Status.OK, medium=Medium.WIFI, readings=readings)


def wifi_air(physics: Physics, stay: Stay, at_ns: int, dice: random.Random) -> Finding:
    """How full the air is around the box."""
    if not physics.has_air(stay.school, stay.room, at_ns):
        return Finding(status=Status.FAILED, reason=NO_WIFI, medium=Medium.WIFI)
    site = physics.site(stay.school)
    busy = physics.busy_pct(stay.school, at_ns, dice.random())
    full = physics.fullness(site.bells, at_ns)
    readings: dict[str, Reading] = {
        "busy_pct": round(busy, 1),
        "receive_pct": round(busy * 0.8, 1),
        "transmit_pct": round(busy * 0.03, 2),
        "watched_s": _WATCHED_S,
        "noise_dbm": -94.0,
        "frequency_mhz": _CHANNEL_MHZ,
        "ap_busy_pct": round(busy * _AP_SEES_LESS, 1),
        "ap_stations": round(_PEOPLE_A_STATION * full * physics.rooms_an_access_point(stay.school)),
        "ap_load_age_s": 2.0,
        "channel_networks": 1 + dice.randrange(2),
        "band_2ghz_networks": 4,
        "band_5ghz_networks": 6,
    }
    return Finding(status=Status.OK, medium=Medium.WIFI, readings=readings)


def power(physics: Physics, box: Box, stay: Stay, at_ns: int, dice: random.Random) -> Finding:
    """A laptop's battery, or a small computer's supply."""
    medium = Medium.WIFI if box.wifi and not stay.cable else Medium.WIRED
    if box.battery:
        return Finding(
            status=Status.OK, medium=medium, readings=_battery(physics, box.battery, stay, at_ns, dice)
        )
    weak = box.weak_power and dice.random() < 0.4  # noqa: PLR2004 - how often the brick gives in
    readings: dict[str, Reading] = {
        "undervoltage_now": weak,
        "undervoltage_since_boot": box.weak_power,
        "capped_now": weak,
        "throttled_now": weak,
        "throttled_since_boot": box.weak_power,
        "hot_now": False,
    }
    return Finding(status=Status.OK, medium=medium, readings=readings)


def _battery(
    physics: Physics, battery: Battery, stay: Stay, at_ns: int, dice: random.Random
) -> dict[str, Reading]:
    """Off the charger from the first bell to the last, empty sooner the older it is; charged at night."""
    age_days = (at_ns - physics.begins_ns) / DAY_NS
    health = max(20.0, battery.health_pct - battery.fades_pct_a_day * age_days)
    full_wh = _DESIGN_WH * health / 100
    hours = physics.hours_since_bell(stay.school, at_ns) if stay.school != HUB else None
    draw_w = _DESIGN_WH / battery.lasts_h * dice.uniform(0.9, 1.1)
    left_wh = (
        full_wh if hours is None else max(0.04 * full_wh, full_wh - _DESIGN_WH / battery.lasts_h * hours)
    )
    readings: dict[str, Reading] = {
        "plugged_in": hours is None,
        "batteries": 1,
        "battery_status": "full" if hours is None else "discharging",
        "battery_pct": round(100 * left_wh / full_wh, 1),
        "health_pct": round(health, 1),
        "battery_wh": round(left_wh, 2),
        "battery_full_wh": round(full_wh, 2),
        "battery_design_wh": _DESIGN_WH,
        "power_w": 0.0 if hours is None else round(draw_w, 2),
        "cycles": 180 + int(age_days * 0.7),
    }
    return readings
