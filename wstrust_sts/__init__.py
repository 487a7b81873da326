"""wstrust-sts: a WS-Trust security token service."""

__version__ = "0.1.0"
