"""Great Expectations, and nothing else: runs a suite's configurations over a frame and says what came out.

The only module that imports it, once per process and only when a gate runs: the import takes 7 s and 250 MB.
What is expected of which table does not belong here: see `assets.checks`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What one expectation said: `error` is set where it could not be evaluated, which is no verdict on the data.

    `at` are the positions of the rows at fault, where `validate` was asked for them.
    """

    check: str
    success: bool
    found: Any = None
    error: str | None = None
    at: tuple[int, ...] = ()


@cache
def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


@cache
def _batches() -> Any:
    """One data source of an ephemeral context; every batch is a frame handed in at run time."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = _library().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("partition").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def warm_up() -> None:
    """Import the library and make its context now, so that the first gate's timing is its own."""
    _batches()


def validate(frame: Any, suite: Sequence[Mapping[str, Any]], located: bool = False) -> list[Outcome]:
    """Run expectations over a pandas frame.

    Args:
        frame: the batch, with rows numbered from 0.
        suite: configurations with type, kwargs, severity and meta; `meta["check"]` names the outcome.
        located: also tell where the rows at fault are, which takes half as long again.
    """
    if not suite:
        return []
    batches = _batches()
    expectations = _library().ExpectationSuite(name="gate", expectations=[dict(c) for c in suite])
    result = batches.get_batch({"dataframe": frame}).validate(expectations, result_format="COMPLETE" if located else "BASIC")
    return [_outcome(r) for r in result.results]


def _outcome(result: Any) -> Outcome:
    error = _raised(result.exception_info)
    detail = result.result or {}
    found = detail.get("observed_value", detail.get("unexpected_count"))
    return Outcome(
        result.expectation_config.meta["check"],
        bool(result.success),
        found,
        error,
        tuple(detail.get("unexpected_index_list") or ()),
    )


def _raised(info: Mapping[str, Any] | None) -> str | None:
    """The exception's message: the library gives either one record, or one for each metric that raised."""
    info = info or {}
    records = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, Mapping)]
    return next((str(r.get("exception_message")) for r in records if r.get("raised_exception")), None)
