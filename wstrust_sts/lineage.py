"""What a token was made from: Validate into another token type names the original in the register."""

from collections.abc import Sequence

from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.ports import IssuedTokens
from wstrust_sts.records import TokenRecord

LONGEST_LINEAGE = 8  # tokens: each Validate of the last looks at all of them


def trace_lineage(record: TokenRecord, issued_tokens: IssuedTokens) -> Sequence[TokenRecord]:
    """The token, the one that it was made from, and so on back to the one that was issued by itself.

    An original is there as long as what was made from it is, since it ends no sooner. Raises InvalidSecurityToken where
    one is missing all the same, or the lineage has no end.
    """
    lineage = [record]
    while (original := lineage[-1].original) is not None:
        ancestor = issued_tokens.find(record.realm, original)
        if ancestor is None or len(lineage) >= LONGEST_LINEAGE:
            raise InvalidSecurityToken(f"made from {original}, which is not in the register")
        lineage.append(ancestor)
    return lineage
