"""The zoo's live half: trainings that go wrong while they run, and healthy ones that look as if they did.

Every entry is a plain loop, recorded as a user would, with one method changed. `ENTRIES` has them by name.
"""

from . import (  # noqa: F401 (each registers its trainings)
    bugs_curves,
    bugs_evaluation,
    bugs_inside,
    bugs_machine,
    bugs_of_kinds,
    bugs_wiring,
    healthy_digits,
    healthy_kinds,
    healthy_losses,
    healthy_schedules,
    programs_agents,
    programs_backbones,
    programs_columns,
    programs_everyday,
    programs_generative,
    programs_later_bugs,
    programs_later_healthy,
    programs_later_mistakes,
    programs_later_more,
    programs_later_odd,
    programs_later_slips,
    programs_measures,
    programs_neighbours,
    programs_optimisation,
    programs_phases,
    programs_physics,
    programs_pictures,
    programs_reinforcement,
    programs_representations,
    programs_samplers,
    programs_sequences,
    programs_signals,
    programs_streams,
    programs_structured,
    programs_tabular,
    programs_text,
    programs_tokens,
    programs_transfer,
    programs_updates,
    programs_vision,
)
from .loop import ENTRIES, Entry, Loop

__all__ = ["ENTRIES", "Entry", "Loop"]
