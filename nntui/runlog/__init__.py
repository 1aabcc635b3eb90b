"""The run folder: what it is, writing it, and reading it while it grows. README.md beside this file is normative.

Owns the format. Knows neither who writes nor who watches. Importing this package imports nothing else:
`layout` alone (standard library only) is enough for a status line.
"""
