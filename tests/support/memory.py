"""Memory of a running process, as the kernel counts it."""

from pathlib import Path

MIB = 1024 * 1024


def of(pid: int, field: str = "VmRSS") -> int:
    """Return a process's memory in bytes; VmHWM: the most that it ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024
