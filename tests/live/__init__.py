"""Live sources: taps against real servers on this machine, the stream, and what is known of it."""
