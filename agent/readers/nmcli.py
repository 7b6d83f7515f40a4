"""`nmcli -g GENERAL.METERED device show IFACE`: whether NetworkManager holds a connection for metered."""


def metered(output: bytes) -> bool:
    """True for "yes" and "yes (guessed)"; False for no, unknown, and whatever else is said."""
    return output.strip().lower().startswith(b"yes")
