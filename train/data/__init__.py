"""Corpora of real video: aligned frames and splits (`prepare`), and codes made once (`codes`)."""
