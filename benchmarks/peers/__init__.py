"""Parley beside pipecat and LiveKit Agents: `python -m benchmarks peers`. Owns the peers' bots,
their environment, and the callers that are the same for all."""
