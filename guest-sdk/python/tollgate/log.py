"""Lines for the run's log, and how far the run is."""

from __future__ import annotations

from . import host


def trace(message: object) -> None:
    """Writes a line of level trace."""
    host.get().log("trace", str(message))


def debug(message: object) -> None:
    """Writes a line of level debug."""
    host.get().log("debug", str(message))


def info(message: object) -> None:
    """Writes a line of level info."""
    host.get().log("info", str(message))


def warn(message: object) -> None:
    """Writes a line of level warn."""
    host.get().log("warn", str(message))


def error(message: object) -> None:
    """Writes a line of level error."""
    host.get().log("error", str(message))


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Says how far the run is: `done` of `total`, in a unit of your own, and what it does now."""
    host.get().progress(done, total, message)
