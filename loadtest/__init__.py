"""Simulated callers. Imports only `audio`: whoever calls us knows nothing of how we are made."""
