"""Which words of a command line are meant for Beam. What Beam does with them is its own business."""

import difflib
from collections.abc import Sequence
from typing import Any

from schemas.errors import CitylakeError
from schemas.registry import feeds

OWN = ("--config", "--lake", "--json", "--runner", "--debug", "--help")


def divide(words: Sequence[str], runner: str | None) -> tuple[list[str], list[str]]:
    """Feeds, and options for Beam as `--name=value`, in the order given.

    Raises CitylakeError for a feed that does not exist, and for an option that is nearly one of citylake's own.
    """
    names: list[str] = []
    beam: list[str] = [f"--runner={runner}"] if runner else []
    last_open = False
    for word in words:
        if word.startswith("-"):
            beam.append(word)
            last_open = "=" not in word
        elif last_open and word not in feeds():
            beam[-1] += f"={word}"
            last_open = False
        else:
            names.append(word)
            last_open = False
    for name in names:
        if name not in feeds():
            near = difflib.get_close_matches(name, list(feeds()), 1)
            remedy = f"perhaps {near[0]} is meant" if near else f"use one of {', '.join(feeds())}"
            raise CitylakeError(f"feed {name}", "there is no such feed", remedy)
    for option in beam:
        _check(option.split("=")[0])
    return names, beam


def _check(option: str) -> None:
    near = difflib.get_close_matches(option, OWN, 1, cutoff=0.8)
    if near and option not in OWN and option not in _beams_own():
        raise CitylakeError(f"option {option}", "neither citylake nor Beam has it", f"perhaps {near[0]} is meant")


def _beams_own() -> set[str]:
    import argparse

    from apache_beam.options.pipeline_options import PipelineOptions

    parser: Any = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    return set(parser._option_string_actions)
