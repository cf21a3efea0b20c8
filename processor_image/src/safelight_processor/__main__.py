"""The program: `safelight-process` is a Job; with arguments it works on files.

Both end with the exit codes of the contract. A Job leaves a termination message beside; file mode
prints the manifest, or one line that says what was wrong.
"""

import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NoReturn

from safelight_contract.job import (
    REQUEST_VARIABLE,
    TERMINATION_MESSAGE_PATH,
    ExitCode,
    JobRequest,
    Manifest,
    TerminationMessage,
)
from safelight_contract.recipe import Recipe, RecipeError
from safelight_processor.errors import ProcessingFailed
from safelight_processor.log import Log
from safelight_processor.original import cpu_milliseconds
from safelight_processor.process import Store, process

_USAGE: Final = """usage: safelight-process [--recipe JSON] IN OUT_DIR
       safelight-process --formats
Without arguments it is a Job, and the environment has the request.
"""
_WRONG_USAGE: Final = 2


def main() -> NoReturn:
    """Run as the arguments say, and exit."""
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit(run_job(os.environ, Path(TERMINATION_MESSAGE_PATH)))
    sys.exit(run_on_files(arguments))


def run_job(environment: Mapping[str, str], termination_message: Path) -> int:
    """Process what the environment asks for.

    Args:
        environment: has the request.
        termination_message: the file that the kubelet has made for it; none is made here.

    Returns:
        The exit code.
    """
    from safelight_processor.limits import apply_limits  # noqa: PLC0415 - file mode has no use for it
    from safelight_processor.objects import SignedObjects  # noqa: PLC0415 - nor for an HTTP client

    # As process 1 of its container it would ignore the signal, and hold up the pod's deletion.
    signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))
    apply_limits()
    log = Log(sys.stdout)
    try:
        request = JobRequest.decode(environment.get(REQUEST_VARIABLE, ""))
    except ValueError as error:
        log.event("failed", code=int(ExitCode.INTERNAL_ERROR), detail=str(error))
        _leave_message(termination_message, ExitCode.INTERNAL_ERROR, str(error))
        return ExitCode.INTERNAL_ERROR
    log = Log(
        sys.stdout,
        upload_id=request.upload_id,
        upload_uid=request.upload_uid,
        attempt=request.attempt,
    )
    with closing(SignedObjects(request)) as objects:
        manifest, code, detail = attempt(request, objects, log)
        if manifest is None:
            _leave_message(termination_message, code, detail)
        # A failure is news as well: the operator need not wait for the Job's status.
        log.event("hinted", taken=objects.hint())
    return code


def run_on_files(arguments: Sequence[str]) -> int:
    """Process one file into a folder, with the pipeline of a Job.

    Args:
        arguments: `--recipe JSON` if the default is not wanted, the file, and the folder; or
            `--formats` alone, to be told what this build can read and write.

    Returns:
        The exit code.
    """
    from safelight_processor.files import Folder  # noqa: PLC0415 - a Job has no use for it

    recipe = Recipe()
    match arguments:
        case ["--formats"]:
            from safelight_processor import capabilities  # noqa: PLC0415 - seldom asked for

            sys.stdout.write(f"{capabilities.report()}\n")
            return ExitCode.DONE
        case ["--recipe", text, source, target]:
            try:
                recipe = Recipe.decode(text)
            except RecipeError as error:
                sys.stderr.write(f"{error}\n")
                return _WRONG_USAGE
        case [source, target] if not source.startswith("-"):
            pass
        case _:
            sys.stderr.write(_USAGE)
            return _WRONG_USAGE
    folder = Folder(Path(source), Path(target), recipe)
    # People get one line for a bad picture; the JSON lines are for measuring, and for bugs.
    lines = io.StringIO()
    log = Log(lines)
    try:
        request = folder.request()
    except ProcessingFailed as error:
        sys.stderr.write(f"{source}: {error.detail}\n")
        return error.code
    manifest, code, detail = attempt(request, folder, log)
    if manifest is not None or code == ExitCode.INTERNAL_ERROR:
        sys.stderr.write(lines.getvalue())
    if manifest is None:
        sys.stderr.write(f"{source}: {detail}\n")
    else:
        sys.stdout.write(manifest.encode().decode())
    return code


def attempt(
    request: JobRequest,
    store: Store,
    log: Log,
) -> tuple[Manifest | None, ExitCode, str]:
    """Process, and map every outcome to an exit code.

    Returns:
        The manifest if all went well, the exit code, and what was wrong.
    """
    manifest = None
    code = ExitCode.DONE
    detail = ""
    failure: dict[str, object] = {}
    try:
        manifest = process(request, store, log)
    except ProcessingFailed as error:
        code, detail = error.code, error.detail
        failure = {"cause": type(error.__cause__).__name__} if error.__cause__ else {}
    except MemoryError:
        code, detail = ExitCode.OUT_OF_MEMORY, "the picture needs more memory than is allowed"
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends with a code and a line
        code, detail = ExitCode.INTERNAL_ERROR, f"unexpected {type(error).__name__}"
        failure = {"trace": _trace(error)}
    log.event(
        "processed" if manifest else "failed",
        code=int(code),
        **({"detail": detail} if detail else {}),
        **failure,
        ms=log.milliseconds,
        cpu_ms=cpu_milliseconds(),
    )
    return manifest, code, detail


def _trace(error: Exception) -> list[str]:
    """Return where it was raised, without its message: that may hold a URL or a file's text."""
    import traceback  # noqa: PLC0415 - only for bugs

    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


def _leave_message(path: Path, code: ExitCode, detail: str) -> None:
    try:
        with path.open("r+", encoding="ascii") as file:
            file.write(TerminationMessage(code, detail).encode())
    except OSError:
        # Outside a pod there is no such file; the log has the same words.
        return


if __name__ == "__main__":
    main()
