"""Where there is no wheel of the fuzzer, there are no tests of it."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("atheris") else ["test_fuzz.py"]
