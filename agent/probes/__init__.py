"""One probe, one file: `measure(machine, memory)`. A probe knows nothing of schedules, disks or MQTT."""

from collections.abc import Callable

from agent.probes import capacity, host, internet, latency, path, power, throughput, wifi_air, wifi_link
from agent.probes.base import Measure
from agent.probes.settings import ProbeSettings

PROBES: dict[str, Callable[[ProbeSettings], Measure]] = {
    "host": host.probe,
    "latency": latency.probe,
    "path": path.probe,
    "throughput": throughput.probe,
    "internet": internet.probe,
    "capacity": capacity.probe,
    "wifi_link": wifi_link.probe,
    "wifi_air": wifi_air.probe,
    "power": power.probe,
}
