"""Where commands get passwords from (a file, standard input or a prompt, never an argument), and how they are kept."""

import sys
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import click

from wstrust_sts.cli.opening import now
from wstrust_sts.cli.output import Refusal
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Account

if TYPE_CHECKING:
    from wstrust_sts.authenticators.passwords import PasswordChecker

password_file_option = click.option(
    "--password-file",
    metavar="FILE",
    help="File whose first line is the password; - is standard input. [default: standard input, or a prompt]",
)

allow_digest_option = click.option(
    "--allow-digest",
    is_flag=True,
    help="Let it present its password as a digest, too. The password is then kept so that it can be recovered.",
)


def obtain_password(password_file: str | None, *, confirm: bool) -> str:
    """The password, from where the caller said or a person types it. Raises Refusal, click.Abort."""
    if password_file is not None and password_file != "-":  # noqa: S105 (a name for standard input)
        try:
            with open(password_file, encoding="utf-8") as file:
                line = file.readline()
        except OSError as error:
            raise Refusal(f"The password file {password_file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Refusal(f"The password file {password_file} is not text in UTF-8.") from None
    elif password_file == "-" or not sys.stdin.isatty():  # noqa: S105
        line = sys.stdin.readline()
    else:
        line = click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True)
    password = line.rstrip("\r\n")
    if not password:
        raise Refusal("There is no password: give it in --password-file, on standard input or at the prompt.")
    return password


class Argon2Passwords:
    """`reconciliation.Passwords`, as the server checks them."""

    @cached_property
    def _checker(self) -> "PasswordChecker":
        from wstrust_sts.authenticators.passwords import PasswordChecker

        return PasswordChecker(slots=1, queue=0, remember_for=timedelta(0))

    def hash(self, password: str) -> str:
        from wstrust_sts.authenticators.passwords import hash_password

        return hash_password(password)

    def matches(self, password: str, account: Account) -> bool:
        if account.password_hash is None:
            return False
        try:
            self._checker.verify(account, password, now=now())
        except FailedAuthentication:
            return False
        return True
