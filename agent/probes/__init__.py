"""One probe, one file: `measure(machine, memory)`. A probe knows nothing of schedules, disks or MQTT."""
