"""Look at TLS servers and certificate files: the only part of the check that does I/O."""
