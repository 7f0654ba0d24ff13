"""Shared by all apps; imports none of them."""
