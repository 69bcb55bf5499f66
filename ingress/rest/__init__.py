"""OpenAI's REST endpoints over the same models that answer calls."""
