"""The browser page: its files, and the routes that serve them. A Realtime client like any other."""
