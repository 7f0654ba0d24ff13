"""How the libraries that we stand on are set up; ``config.settings`` names each of these."""
