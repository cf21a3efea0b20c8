"""`make audit`: what registries know against the dependencies that are pinned here.

It ends with 0 if nothing is known, with 1 if something is, and with 2 if nothing is known but not
everybody could be asked.
"""

import sys
from collections.abc import Iterator

from tests.audit import asking, pins
from tests.audit.findings import Report, exit_code


def reports() -> Iterator[Report]:
    """Ask all questions, one after the other."""
    packages = asking.python_packages()
    with asking.client() as http:
        yield asking.advisories(http, packages)
        yield asking.withdrawals(http, packages)
    tracked = asking.tracked()
    for folder in pins.folders(tracked, "package-lock.json"):
        yield asking.npm(folder)
    for folder in pins.folders(tracked, "go.mod"):
        yield asking.govulncheck(folder)


def lines(report: Report) -> Iterator[str]:
    """Yield what to print of a report."""
    if report.unanswered is not None:
        yield f"COULD NOT BE ASKED  {report.question}: {report.unanswered}"
    else:
        known = "KNOWN" if report.findings else "nothing known"
        yield f"{known:<18}  {report.question} ({report.asked} asked)"
    for finding in report.findings:
        yield f"  {finding}"


def main() -> int:
    """Ask, print, and return the exit status."""
    made: list[Report] = []
    for report in reports():
        made.append(report)
        print(*lines(report), sep="\n", flush=True)  # noqa: T201 - printing is its purpose
    return exit_code(made)


if __name__ == "__main__":
    sys.exit(main())
