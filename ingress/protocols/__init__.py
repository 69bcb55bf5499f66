"""Codecs: wire messages to events, outputs to wire messages. They own no socket and no task."""
