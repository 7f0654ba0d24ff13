"""Settings, URLs and the pieces that every app shares (``config.common``)."""

__version__ = "0.1.0"
