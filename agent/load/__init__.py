"""What loads a line, and the watch over it: bytes counted at the sockets, engines behind one interface."""
