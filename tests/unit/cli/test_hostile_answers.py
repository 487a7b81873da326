"""What an STS that nobody knows answers, on the terminal of whoever asks it."""

from wstrust_sts.cli.sts_client import Verdict
from wstrust_sts.cli.token import _show_verdict


def test_the_reason_of_a_verdict_drives_no_terminal_and_makes_no_line(capsys):
    _show_verdict(Verdict(False, "no\nvalid: \x9b2J"), out=None, as_json=False)
    assert capsys.readouterr().out == "invalid: no\\nvalid: \\x9b2J\n"
    _show_verdict(Verdict(True, ""), out=None, as_json=False)
    assert capsys.readouterr().out == "valid\n"
