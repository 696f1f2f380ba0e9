"""Show a finished snapshot: metrics, HTTP, reports. Computes nothing."""
