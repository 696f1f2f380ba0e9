"""Read the outside world safely: files, YAML with positions, addresses, kernel socket tables."""
