"""Settings, URLs and the pieces that every app shares (``config.common``)."""
