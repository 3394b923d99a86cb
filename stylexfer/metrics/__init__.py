"""Measures of the method. Only this package imports lpips, and only when it is called."""
