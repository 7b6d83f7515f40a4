"""What follows from reports alone and is kept so that nobody reads a row a minute: looks, spans, roll-ups."""
