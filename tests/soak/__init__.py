"""Long runs by hand: ``python -m tests.soak.NAME``; docs/ have their figures."""
