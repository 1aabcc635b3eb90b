"""The trainer: one process that runs the recipe's checks, trains, and records what it sees through nntui's public names."""
