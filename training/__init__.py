"""Training; not part of the installed package."""
