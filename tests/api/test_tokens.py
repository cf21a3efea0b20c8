import hashlib
import re

import pytest

from safelight_api import tokens
from safelight_api.authentication import MAX_TOKEN_LENGTH


def test_a_token_has_256_random_bits_and_fits_a_header() -> None:
    made = {tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    for token in made:
        assert re.fullmatch(r"safelight_[A-Za-z0-9_-]{43}", token)
        assert len(token) <= MAX_TOKEN_LENGTH


def test_the_program_prints_the_token_its_hash_and_how_to_store_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tokens.main(["web-shop"])
    printed = capsys.readouterr().out
    found = re.search(r"^  (safelight_\S+)$", printed, re.MULTILINE)
    assert found
    digest = hashlib.sha256(found[1].encode()).hexdigest()
    assert printed.count(found[1]) == 1, "only the hash may get into a command's history"
    patch = f'{{"stringData":{{"web-shop":"{digest}"}}}}'
    assert f"kubectl patch secret safelight-tokens --type merge -p '{patch}'" in printed
    assert f"--from-literal=web-shop={digest}" in printed


@pytest.mark.parametrize("name", ["", ".hidden", "a b", "a/b", "x" * 64, "$(id)", "ü"])
def test_a_name_that_no_secret_can_hold_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tokens.main([name])
    assert "a name has 1 to 63 letters" in capsys.readouterr().err
