"""What changes models and versions."""
