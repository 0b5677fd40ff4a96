"""Tells Python where the project's own modules and the helper package are."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tollgate/guest-sdk/python")]
