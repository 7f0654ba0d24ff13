"""Model operations in the admin."""

from __future__ import annotations

from mlops.admin import datasets, drift, jobs, log, registry, rollouts, versions

__all__ = ["datasets", "drift", "jobs", "log", "registry", "rollouts", "versions"]
