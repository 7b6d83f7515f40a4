"""What the reference server allows, in one place: nothing that comes over its port is without a bound."""

HEAD_BYTES = 8192
"""The longest head of a request: a ticket and a few lines."""
HEAD_S = 5.0
"""How long a head may take from its first byte, and a stranger before it."""
ANSWER_S = 5.0
"""How long a small answer may take to be handed to the kernel."""
SMALL_BODY_BYTES = 4096
"""What is read and thrown away where nobody wants a body."""

FAREWELL_S = 5.0
"""How long a connection may take for its last bytes, once we are done with it; then it is cut."""
FAREWELL_STRANGER_S = 1.0
FAREWELL_BYTES = 1 << 16
"""As much of what still comes in is thrown away meanwhile."""
SILENT_MS = 10_000
"""A connection is over when the other side has acknowledged nothing, or read nothing, for so long."""

MOST_CONNECTIONS = 4096
MOST_STRANGERS = 1024
"""Connections that have not named a session yet; beyond that the oldest has to go."""
MOST_STRANGERS_AN_ADDRESS = 256
"""The same for one address: a school behind one is a class of 60 with some streams each."""
ACCEPTED_AT_ONCE = 16
BACKLOG = 1024

MOST_SESSIONS = 128
MOST_CONNECTIONS_A_SESSION = 2048
"""Each virtual student has one or two."""
AFTER_S = 10.0
"""How long a session that is over may still be asked for its counts."""
MOST_TICKETS = 65_536
"""Ids of used tickets that are kept; no district issues so many in the 15 minutes that one can be good."""

CHUNK_BYTES = 1 << 17
"""What one stream hands to the kernel, or takes from it, before it is another one's turn."""
BLOCK_BYTES = 1 << 20
"""The random bytes that are sent over and over."""
UNSENT_BYTES = 1 << 17
"""The kernel asks a stream for more when it holds less than this that was never on the line."""

ECHOES_A_SECOND = 250
"""UDP packets that come back, for one session."""
ECHOES_AT_ONCE = 64

GUEST_CHUNK_BYTES = 1 << 20
"""What LibreSpeed counts its downloads in."""
MOST_GUEST_CHUNKS = 100
GUEST_CHUNKS = 4
"""As many as LibreSpeed's own server sends to those who name no number."""
MOST_GUEST_STREAMS = 32
MOST_GUEST_STREAMS_AN_ADDRESS = 8
"""LibreSpeed's page has six at once, and one for its round trips."""
GUEST_S = 30.0
"""LibreSpeed's own longest test is 15 seconds."""
GUEST_DAY_BYTES = 20 * 10**9
"""For all guests together, both ways, in any 24 hours from the server's start."""
DAY_S = 86_400.0
