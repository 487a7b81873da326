"""Whether a requestor's certificate is sound, under a trust anchor of its realm, and not revoked (RFC 5280, RFC 6960).

`validation` is the door; `soundness` reads one certificate, `paths` and `name_constraints` say what an anchor vouches
for, `crl` and `ocsp` judge what says that something was revoked, `revocation` finds it, `fetching` gets it.
"""
