"""The registry's endpoints."""
