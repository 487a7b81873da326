"""Encrypted messages whose keys are not what they should be: others', too short, doubled, or derived from elsewhere.

As in test_hostile_encryption.py, each case is a good request but for one step.
"""

import os
import re
from collections.abc import Callable

from lxml import etree

from tests.attack import attack_of, target_of
from tests.cases import each
from tests.protected import (
    Draft,
    b64,
    by_key_identifier,
    by_thumbprint,
    encrypted_key,
    look_alike,
    party,
    reference,
)
from tests.sealed import HIDING, SYMMETRIC, UNBELIEVED, SealedAttack, SealedSts
from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedCheck,
    InvalidSecurity,
    SecurityTokenUnavailable,
    StsError,
    UnsupportedAlgorithm,
)

Step = Callable[[Draft], object]

target = target_of(SealedSts)
attack = attack_of(SealedAttack, HIDING)
symmetric = attack_of(SealedAttack, SYMMETRIC)


# -- keys -------------------------------------------------------------------------------------------------------


def with_key(markup: Callable[[Draft], str]) -> Step:
    """The EncryptedKey otherwise; the ReferenceList goes along."""

    def change(draft: Draft) -> None:
        draft.key_markup = markup(draft)

    return change


def method(markup: str) -> Step:
    return with_key(lambda draft: encrypted_key("EK", draft.wrapped, draft.recipient, method=markup))


def named(key_info: Callable[[], str]) -> Step:
    return with_key(lambda draft: encrypted_key("EK", draft.wrapped, draft.recipient, key_info=key_info()))


def of_length(octets: int) -> Step:
    return with_key(lambda draft: encrypted_key("EK", draft.wrap(os.urandom(octets)), draft.recipient))


def oaep(*parameters: str, algorithm: str = ns.RSA_OAEP_MGF1P) -> Step:
    return method(f'<e:EncryptionMethod Algorithm="{algorithm}">{"".join(parameters)}</e:EncryptionMethod>')


KEYS: dict[str, tuple[Step, tuple[type[StsError], ...]]] = {
    "none": (with_key(lambda draft: ""), (InvalidSecurity,)),
    "the same twice": (
        with_key(
            lambda draft: (
                encrypted_key("EK", draft.wrapped, draft.recipient)
                + encrypted_key("EK2", draft.wrapped, draft.recipient)
            )
        ),
        (InvalidSecurity,),
    ),
    "a second without an id": (
        with_key(
            lambda draft: (
                encrypted_key("EK", draft.wrapped, draft.recipient)
                + 3 * encrypted_key("", draft.wrapped, draft.recipient).replace(' Id=""', "")
            )
        ),
        (InvalidSecurity,),
    ),
    "a foreign one first": (
        with_key(
            lambda draft: (
                encrypted_key("EK2", draft.wrap(draft.secret, recipient=party("bob")), party("bob"))
                + encrypted_key("EK", draft.wrapped, draft.recipient)
            )
        ),
        (InvalidSecurity,),
    ),
    "twenty": (
        with_key(
            lambda draft: "".join(encrypted_key(f"EK{i or ''}", draft.wrapped, draft.recipient) for i in range(20))
        ),
        (InvalidSecurity,),
    ),
    "for somebody else": (named(lambda: by_thumbprint(party("bob"))), (InvalidSecurity,)),
    "for a look-alike": (named(lambda: by_thumbprint(look_alike("sts"))), (InvalidSecurity,)),
    "for nobody": (named(lambda: ""), (InvalidSecurity,)),
    "for two": (named(lambda: 2 * by_thumbprint(party("sts"))), (InvalidSecurity,)),
    "for itself": (named(lambda: reference("#EK", ns.ENCRYPTED_KEY)), (InvalidSecurity,)),
    "for a key by its SHA-1": (named(lambda: by_key_identifier(b"x" * 20, ns.ENCRYPTED_KEY_SHA1)), (InvalidSecurity,)),
    "for a name": (named(lambda: "<ds:KeyName>sts</ds:KeyName>"), (SecurityTokenUnavailable,)),
    "rsa-1_5": (method(f'<e:EncryptionMethod Algorithm="{ns.XENC}rsa-1_5"/>'), (UnsupportedAlgorithm,)),
    "AES key wrap": (method(f'<e:EncryptionMethod Algorithm="{ns.XENC}kw-aes256"/>'), (UnsupportedAlgorithm,)),
    "no method": (method(""), (InvalidSecurity,)),
    "an unknown method": (method('<e:EncryptionMethod Algorithm="urn:x"/>'), (UnsupportedAlgorithm,)),
    "a label": (oaep(f"<e:OAEPparams>{b64(b'x')}</e:OAEPparams>"), (UnsupportedAlgorithm,)),
    "OAEP with MD5": (
        oaep(f'<ds:DigestMethod xmlns:ds="{ns.DS}" Algorithm="http://www.w3.org/2001/04/xmldsig-more#md5"/>'),
        (UnsupportedAlgorithm, InvalidSecurity),
    ),
    "OAEP by another digest": (
        oaep(f'<ds:DigestMethod xmlns:ds="{ns.DS}" Algorithm="{ns.SHA256}"/>'),
        (FailedCheck,),
    ),
    "OAEP by another mask": (
        oaep(
            f'<m:MGF xmlns:m="http://www.w3.org/2009/xmlenc11#" Algorithm="{ns.MGF1_SHA256}"/>', algorithm=ns.RSA_OAEP
        ),
        (FailedCheck,),
    ),
    "no octets": (of_length(0), (FailedCheck,)),
    "one octet": (of_length(1), (FailedCheck,)),
    "fifteen octets": (of_length(15), (FailedCheck,)),
    "another secret": (of_length(32), (FailedCheck,)),
    "33 octets": (of_length(33), (FailedCheck,)),
    "200 octets": (of_length(200), (FailedCheck,)),
    "zeros": (with_key(lambda draft: encrypted_key("EK", bytes(256), draft.recipient)), (FailedCheck,)),
    "ones": (with_key(lambda draft: encrypted_key("EK", b"\xff" * 256, draft.recipient)), (FailedCheck,)),
    "a short ciphertext": (
        with_key(lambda draft: encrypted_key("EK", draft.wrapped[:-1], draft.recipient)),
        (FailedCheck,),
    ),
    "a long ciphertext": (with_key(lambda draft: encrypted_key("EK", bytes(700), draft.recipient)), (FailedCheck,)),
    "a very long ciphertext": (
        with_key(lambda draft: encrypted_key("EK", bytes(5000), draft.recipient)),
        (InvalidSecurity,),
    ),
    "a reference to a ciphertext": (
        with_key(
            lambda draft: encrypted_key("EK", draft.wrapped, draft.recipient).replace(
                "<e:CipherValue>", '<e:CipherReference URI="file:///etc/passwd"/><e:CipherValue>'
            )
        ),
        (InvalidSecurity,),
    ),
}


@each(KEYS)
def test_an_encrypted_key_that_is_not_exactly_right_is_refused(attack: SealedAttack, case) -> None:
    step, expected = case
    attack.unbelieved(attack.sealed(hide=lambda draft: (draft.hide_all(), step(draft))), *expected)


def test_a_key_behind_the_header_is_none(attack: SealedAttack) -> None:
    def move(draft: Draft) -> None:
        name = "SecurityContextToken" if draft.policy == "secureconversation" else "EncryptedKey"
        etree.SubElement(draft.header, "{urn:x}x").append(draft.part(name))

    attack.unbelieved(attack.sealed(sealed=move))


# -- derived keys -----------------------------------------------------------------------------------------------


def derived(change: Callable[[str], str]) -> Step:
    return lambda draft: draft.tokens.__setitem__(slice(None), [change(token) for token in draft.tokens])


def replaced(old: str, new: str) -> Step:
    def change(token: str) -> str:
        assert old in token
        return token.replace(old, new)

    return derived(change)


def length(number: object) -> Step:
    return derived(lambda token: re.sub("<c:Length>.*</c:Length>", f"<c:Length>{number}</c:Length>", token))


OFFSET = "<c:Offset>0</c:Offset>"
DERIVED: dict[str, Step] = {
    "no length": length(0),
    "one octet": length(1),
    "fifteen octets": length(15),
    "65 octets": length(65),
    "a gigabyte": length(10**9),
    "a length beyond all numbers": length(10**40),
    "a negative length": length(-32),
    "a length with a sign": length("+32"),
    "a length in words": length("many"),
    "a length in other digits": length("٣٢"),
    "an empty length": length(""),
    "a fraction": length("32.0"),
    "a huge offset": replaced(OFFSET, "<c:Offset>1000</c:Offset>"),
    "a monstrous offset": replaced(OFFSET, "<c:Offset>4294967295</c:Offset>"),
    "a negative offset": replaced(OFFSET, "<c:Offset>-1</c:Offset>"),
    "a huge generation": replaced(OFFSET, "<c:Generation>1024</c:Generation>"),
    "a monstrous generation": replaced(OFFSET, "<c:Generation>18446744073709551616</c:Generation>"),
    "offset and generation": replaced(OFFSET, OFFSET + "<c:Generation>0</c:Generation>"),
    "two offsets": replaced(OFFSET, OFFSET * 2),
    "two lengths": replaced(OFFSET, OFFSET + "<c:Length>32</c:Length>"),
    "a long label": replaced(OFFSET, OFFSET + f"<c:Label>{'x' * 300}</c:Label>"),
    "another label": replaced(OFFSET, OFFSET + "<c:Label>x</c:Label>"),
    "properties": replaced(OFFSET, OFFSET + "<c:Properties/>"),
    "no nonce": derived(lambda token: token.replace("c:Nonce", "c:Offset")),
    "a long nonce": replaced("<c:Nonce>", "<c:Nonce>" + b64(bytes(300))),
    "another nonce": replaced("<c:Nonce>", "<c:Nonce>AAAA"),
    "another algorithm": replaced("<c:DerivedKeyToken ", '<c:DerivedKeyToken Algorithm="urn:x" '),
    "the other version's algorithm": replaced(
        "<c:DerivedKeyToken ", f'<c:DerivedKeyToken Algorithm="{ns.WSC05}/dk/p_sha1" '
    ),
    "of nothing": replaced('"#EK"', '"#nothing"'),
    "of the Body": replaced('"#EK"', '"#Body"'),
    "of an absolute name": replaced('"#EK"', '"urn:uuid:context"'),
    "of itself": derived(lambda token: token.replace("#EK", "#DK-sign" if "DK-sign" in token else "#DK-hide")),
    "of each other": derived(lambda token: token.replace("#EK", "#DK-hide" if "DK-sign" in token else "#DK-sign")),
    "of a derived key": derived(lambda token: token.replace("#EK", "#DK-hide") if "DK-sign" in token else token),
    "without a base": derived(lambda token: token.replace("o:SecurityTokenReference", "o:Nothing")),
    "twenty of them": lambda draft: draft.tokens.extend(
        draft.tokens[0].replace("DK-sign", f"DK-{number}") for number in range(20)
    ),
    "two of one id": lambda draft: draft.tokens.append(draft.tokens[0]),
}


@each(DERIVED)
def test_a_derived_key_that_is_not_exactly_right_is_refused(symmetric: SealedAttack, case: Step) -> None:
    symmetric.unbelieved(
        symmetric.sealed(hide=lambda draft: (draft.hide_all(), case(draft))),
        *UNBELIEVED,
        SecurityTokenUnavailable,
    )
