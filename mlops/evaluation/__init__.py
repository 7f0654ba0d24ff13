"""Metrics, thresholds and calibration on arrays of probabilities. Plain Python: no Django."""
