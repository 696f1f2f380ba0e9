"""A whole province on one machine: a real Prometheus, and agents whose observations are made up."""
