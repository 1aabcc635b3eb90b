"""What a viewer knows of a run: recorded batches folded into frozen snapshots.

Importing this package imports nothing else; `snapshot` is the contract with the screens.
"""
