"""`nntui completion`: a script with which a shell completes verbs, options and run folders.

Owns which words are folders. The script is made from the one parser, so it knows what the parser knows.
"""

from __future__ import annotations

import argparse

from nntui.cli import OK, put, verbs


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    made = verbs.parser()
    for verb in _verbs(made):
        for action in verb._actions:
            if action.dest == "path":
                action.complete = shtab.DIRECTORY  # pyright: ignore[reportAttributeAccessIssue]
    put(shtab.complete(made, shell=arguments.shell))
    return OK


def _verbs(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [verb for one in choices for verb in one.values()]
