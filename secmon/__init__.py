"""Watch the security posture of government servers and network appliances."""

__version__ = "0.1.0"
