"""What may be configured: the typed arguments of the app, and whole Serve configs beside them."""
