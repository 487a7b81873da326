"""Spyne on every supported Python. Each import runs in a fresh interpreter, because it works once a process."""

import subprocess
import sys


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_spyne_imports_after_the_shim_and_uses_the_real_six():
    done = run(
        "import wstrust_sts.bindings.spyne_compat, spyne.protocol.soap, spyne.server.wsgi, six;"
        "from spyne.util.six.moves.urllib.parse import quote;"
        "assert spyne.util.six.__version__ == six.__version__;"
        "assert spyne.util.six.get_function_name(quote) == 'quote'"
    )
    assert done.returncode == 0, done.stderr


def test_the_shim_itself_does_not_import_spyne():
    done = run("import wstrust_sts.bindings.spyne_compat, sys; assert 'spyne' not in sys.modules")
    assert done.returncode == 0, done.stderr
