"""A Spark session whose workers run this code, and errors of workers as the product's own."""

import atexit
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import features.errors
from features.errors import LeadQualificationError, ParameterError

__all__ = ["read_errors", "spark_session", "tell_errors"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "pipeline")

_SHIPPED = "spark.lead.code"
_ERROR = re.compile(r"<lead-error>(\[.*?\])</lead-error>", re.DOTALL)


def spark_session(conf: Mapping[str, str] | None = None) -> SparkSession:
    """Start Spark, or take the session that runs.

    Parameters
    ----------
    conf : mapping of str to str, optional
        Spark's own settings. What is not given comes from where Spark looks by itself: `PYSPARK_SUBMIT_ARGS`, or
        ``spark-defaults.conf`` in `SPARK_CONF_DIR`; without a master it is this machine.

    Raises
    ------
    ParameterError
        If Spark does not start, mostly for want of Java.
    """
    # workers on this machine must be the same Python; on a cluster PYSPARK_PYTHON names the one of the shipped environment
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("lead-qualification")
    for name, value in (conf or {}).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise ParameterError(
            f"features.engine is 'spark', but Spark does not start ({str(error).splitlines()[0]}). It needs Java 17 or newer: "
            "run `make system`, which installs it, or set JAVA_HOME; or set features.engine to 'local'."
        ) from error
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    _ship_code(session)
    return session


def _ship_code(session: SparkSession) -> None:
    """Give the workers this code, unless it is installed where they run, or they can read it where it stands."""
    context = session.sparkContext
    if "site-packages" in ROOT.parts or session.conf.get(_SHIPPED, None) is not None:
        return
    session.conf.set(_SHIPPED, str(ROOT))
    if str(context.master).startswith("local"):
        # where it stands, the kernels' machine code is kept beside it
        others = context.environment.get("PYTHONPATH")
        context.environment["PYTHONPATH"] = str(ROOT) if others is None else os.pathsep.join([str(ROOT), others])
        return
    folder = tempfile.mkdtemp(prefix="lead-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # executors fetch it when they start, at any time
    context.addPyFile(str(pack_code(Path(folder))))


def pack_code(folder: Path) -> Path:
    """Write the packages that workers import into an archive, and give its path."""
    archive = folder / "lead_qualification.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for package in PACKAGES:
            for source in sorted((ROOT / package).rglob("*")):
                if source.suffix in (".py", ".txt", ".sql", ".yaml"):
                    file.write(source, source.relative_to(ROOT))
    return archive


@contextlib.contextmanager
def tell_errors() -> Iterator[None]:
    """On a worker: put the product's error into a form that survives, for Spark keeps only its text."""
    try:
        yield
    except LeadQualificationError as error:
        told = json.dumps([type(error).__name__, str(error)])
        raise RuntimeError(f"<lead-error>{told}</lead-error>") from error


@contextlib.contextmanager
def read_errors() -> Iterator[None]:
    """Turn what Spark says of a failed task back into the product's error that a worker raised.

    Raises
    ------
    LeadQualificationError
        As `tell_errors` put it. Any other error stays what it is.
    """
    try:
        yield
    except Exception as error:
        found = _ERROR.search(str(error))
        if found is None:
            raise
        name, message = json.loads(found.group(1))
        raise getattr(features.errors, name)(message) from None
