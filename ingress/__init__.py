"""FastAPI: one call's I/O, protocol codecs, security. Never imports ray or a model library."""
