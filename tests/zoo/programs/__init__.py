"""Healthy programs in the styles people write them in, each a module with `task(seed)` that gives a fresh nntui.Task."""
