"""Hold what does I/O for the check `patches`; loaded in children only."""
