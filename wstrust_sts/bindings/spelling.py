"""The paths that are found however they are spelt: those of AD FS, for which capitals and small letters are one.

Its clients have `/adfs/services/trust/13/UsernameMixed` or `/federationmetadata/2007-06/federationmetadata.xml` in
their configurations. Only the address is taken so; what is asked and demanded there is the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from wstrust_sts.bindings.http import Request


class Spellings:
    """`paths` are found in any spelling, where no other of all that are `known` could be meant by it."""

    def __init__(self, paths: Iterable[str], *, known: Collection[str]) -> None:
        meant = Counter(path.lower() for path in known)
        self._known = frozenset(known)
        self._paths: Mapping[str, str] = {path.lower(): path for path in paths if meant[path.lower()] == 1}

    def settle(self, request: Request) -> Request:
        """The request with its path as we write it; any other as it came."""
        if request.path in self._known or not request.path.isascii():
            return request
        path = self._paths.get(request.path.lower())
        return request if path is None else replace(request, path=path)
