"""`safelight-token [NAME]`: makes a bearer token and says how to store its hash."""

import argparse
import hashlib
import re
import secrets
from typing import Final

PREFIX: Final = "safelight_"
"""Lets secret scanners recognise a token that has leaked."""
TOKEN_BYTES: Final = 32
"""256 random bits."""

_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,62}")


def new_token() -> str:
    """Return a fresh token: a prefix and 256 random bits, safe in URLs and headers."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> str:
    """Return what is stored of a token: its SHA-256 as lower-case hexadecimal.

    A plain hash is enough, without salt or stretching: nobody can guess 256 random bits.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def token_name(text: str) -> str:
    """Check the name of a token: it must be usable as a key in a Secret.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    if _NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            "a name has 1 to 63 letters, digits, '-', '_' or '.' and starts with a letter or digit",
        )
    return text


def describe(name: str, token: str) -> str:
    """Return what is printed: the token, its hash, and the commands that store the hash."""
    digest = hash_of(token)
    return f"""\
Token (shown once; give it to the client):
  {token}
SHA-256 (all that the service keeps):
  {digest}
Add it to the Secret of tokens, which takes effect within about two minutes, without a restart:
  kubectl patch secret safelight-tokens --type merge -p '{{"stringData":{{"{name}":"{digest}"}}}}'
If that Secret does not exist yet:
  kubectl create secret generic safelight-tokens --from-literal={name}={digest}
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the program `safelight-token`."""
    parser = argparse.ArgumentParser(
        prog="safelight-token", description="Make a bearer token for the REST API."
    )
    parser.add_argument(
        "name",
        nargs="?",
        type=token_name,
        default="default",
        help="whose token it is; the key in the Secret (default: %(default)s)",
    )
    name = parser.parse_args(arguments).name
    print(describe(name, new_token()), end="")  # noqa: T201 - printing is this program's purpose
