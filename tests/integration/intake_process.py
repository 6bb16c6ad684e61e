"""`python -m tests.integration.intake_process SETTINGS`: intake in a process of its own, to be
killed. SETTINGS: a file of msgpack Settings."""

import logging
import sys
from pathlib import Path

import msgspec

from schemas.settings import Settings
from streams.intake.service import run

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(run(msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Settings)))
