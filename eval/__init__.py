"""Evaluation; not part of the installed package."""
