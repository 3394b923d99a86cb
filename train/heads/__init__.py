"""Rendered talking heads with ground truth: the corpus of the default pack."""

import warp as wp

wp.config.quiet = True  # before anything starts it: else it greets on the terminal
