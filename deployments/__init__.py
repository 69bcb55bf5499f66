"""The only Ray code: the builder, the Serve deployments, handles to the back-end protocols."""
