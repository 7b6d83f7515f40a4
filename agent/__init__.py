"""The box's program: measures, keeps what it measured, and sends it until the collector holds it."""
