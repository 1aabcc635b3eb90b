"""What is measured inside a torch model while it trains.

Owns hooks and the reductions they make. Knows nothing of screens, files or checks; what it measures goes to a Run.
Invariant: training is what it would be without it, bit by bit, and nothing here raises into it or waits for a device.
"""
