"""Ports given to programs that start at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from uptake.local.errors import LocalError
from uptake.local.ports import free_ports

_PROGRAMS = 4
_PORTS = 200
_ASK = f"from uptake.local.ports import free_ports; print(*free_ports({_PORTS}))"


def test_programs_that_ask_at_the_same_time_get_different_ports(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", _ASK], stdout=subprocess.PIPE, env=environment, text=True
        )
        for _ in range(_PROGRAMS)
    ]
    given = [int(port) for each in asking for port in each.communicate(timeout=60)[0].split()]
    assert len(given) == len({*given}) == _PROGRAMS * _PORTS


def test_a_link_in_the_place_of_the_list_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").write_text("what is there")
    (tmp_path / f"uptake-ports-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalError, match="uptake-ports"):
        free_ports(1)
    assert (tmp_path / "elsewhere").read_text() == "what is there"
