"""The engine `spark`: matrices and scores from a cluster, equal to those of one machine to the bit.

Raises
------
ParameterError
    On import, where PySpark is not installed.
"""

from importlib.util import find_spec

from features.errors import ParameterError

if find_spec("pyspark") is None:
    raise ParameterError(
        "the engine 'spark' (features.engine, or --engine) needs PySpark, which is not installed. Run `make env-spark`, "
        "or choose the engine 'local'."
    )
