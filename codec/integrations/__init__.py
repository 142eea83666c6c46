"""The codec inside other people's frameworks: each optional, each in a module of its own."""
