import subprocess
from pathlib import Path

import pytest

from safelight_local import env_file

VARIABLES = {
    "PLAIN": "http://127.0.0.1:30080",
    "SPACES": "a path/with spaces",
    "QUOTES": """it's "quoted" $HOME `id` \\ # !""",
    "EMPTY": "",
    "EQUALS": "a=b=c",
    "LINES": "one\ntwo",
}


def test_reads_what_it_wrote() -> None:
    assert env_file.parse(env_file.render(VARIABLES)) == VARIABLES


def test_a_shell_reads_the_same(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(env_file.render(VARIABLES))
    for name, value in VARIABLES.items():
        script = f'. "{file}"; printf %s "${name}"'
        shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert shown.stdout == value, name


def test_refuses_what_is_no_assignment() -> None:
    with pytest.raises(ValueError, match="export"):
        env_file.parse("export A=1\n")
