"""Networks: what they are made of, which there are, and their weights."""
