"""The only doors of the house: HTTP, command line, settings, and the place where everything is put together."""
