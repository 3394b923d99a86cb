"""Rendered talking heads with ground truth: the corpus of the default pack."""
