"""How fast it is here: `python -m stylexfer bench`."""
