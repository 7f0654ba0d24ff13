"""Rollouts: A/B tests, canaries and shadows, their outcomes, guardrails and feedback."""
