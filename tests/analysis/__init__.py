"""The analysis, by columns made by hand."""
