"""Makes Spyne 2.14 importable on Python 3.12 and later: import this before anything of Spyne.

Spyne vendors an old `six` whose lazy modules lack `find_spec`, which Python 3.12 demands; the real `six` takes its
place. (The module `cgi`, which Python 3.13 dropped, comes from the package legacy-cgi.) Registering at import is the
purpose of this module, and the one exception to the rule that importing does nothing.
"""

import importlib
import operator
import sys
import types

import six

_MODULES = (
    "six",
    "six.moves",
    "six.moves.collections_abc",
    "six.moves.http_cookies",
    "six.moves.urllib",
    "six.moves.urllib.error",
    "six.moves.urllib.parse",
    "six.moves.urllib.request",
)

for _name in _MODULES:
    sys.modules[f"spyne.util.{_name}"] = importlib.import_module(_name)

# A copy, for the one function that Spyne's own has and the real `six` has not.
_six = types.ModuleType("spyne.util.six")
_six.__dict__.update(six.__dict__)
_six.__dict__["get_function_name"] = operator.attrgetter("__name__")
sys.modules["spyne.util.six"] = _six
