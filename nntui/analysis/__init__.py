"""Columns in, numbers and findings out.

Pure: no files, no clock, no screen. Invariant: the same columns give the same answer, live and after the fact.
"""
