"""From settings to what ships: the one constructor of everything that speaks with InfluxDB."""

from collector.influxdb.connection import ROLLUPS, SINK, address, server, settings_of, trouble_now
from collector.influxdb.erase import Copies, copies
from collector.influxdb.rebuild import Rebuilt, rebuild
from collector.influxdb.setup import MadeReady, entered, make_ready
from collector.influxdb.ship import folder_of, way
from collector.influxdb.verify import evidence, too_short, verify
from collector.sinks.setup import begin

__all__ = [
    "ROLLUPS",
    "SINK",
    "Copies",
    "MadeReady",
    "Rebuilt",
    "address",
    "begin",
    "copies",
    "entered",
    "evidence",
    "folder_of",
    "make_ready",
    "rebuild",
    "server",
    "settings_of",
    "too_short",
    "trouble_now",
    "verify",
    "way",
]
