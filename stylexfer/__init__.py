"""stylexfer: pose and facial expression transfer by using StyleGAN (arXiv 2504.13021)."""

__version__ = "0.1.0"
