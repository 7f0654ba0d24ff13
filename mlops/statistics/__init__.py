"""Statistics of comparisons, in plain Python and numpy: no database, no Django."""
