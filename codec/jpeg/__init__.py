"""JPEG as a differentiable function: tables, transform, simulator and rate estimate."""
