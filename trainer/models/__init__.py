"""Simple, well-known architectures to begin with, each sized by one number."""
