"""Look: the modules that do I/O, loaded by name in children only."""
