"""Row 8 of the wire contract: a certificate that comes with those above it; and row 26, refused."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.certificates import CA_EXTENSIONS, authority, intermediate, key, leaf_under, only_names, sequence, subject
from tests.fakes import NOON, REALM
from tests.messages import issue
from tests.protected import Draft, Party, draft, path_token, protect, reference
from tests.responder import crl
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.certificates import CertificateField, Revocation, TrustAnchor

CA, SUB = authority(), intermediate("sub")
PATH = "/sealed/13/certificatesigned"


def requestor(**more) -> Party:
    """Alice, by a certificate of an authority under the anchor."""
    own = key("alice of sub", "rsa-2048")
    assert isinstance(own, rsa.RSAPrivateKey)
    der = leaf_under("sub", **({"subject": subject("alice"), "key": own} | more))
    return Party(own, x509.load_der_x509_certificate(der))


def answered(signer: Party, *above: bytes, **anchor):
    """What Alice gets, who signs and shows her certificate below those `above`."""
    sts = SealedSts()
    anchor = {"realm": REALM.name, "name": "ca", "certificate": CA} | anchor
    sts.stores.certificates.trusted[REALM.name, "ca"] = TrustAnchor(account_from=CertificateField.COMMON_NAME, **anchor)

    def sign(message: Draft) -> None:
        message.security.insert(0, path_token(message.bst, sequence(*above, signer.der)))
        message.sign(key_info=reference(f"#{message.bst}", ns.X509_PKI_PATH))

    action = f"{ns.WST13}/RST/Issue"
    message = draft("certificatesigned", issue(), now=sts.clock.now, soap="1.2", action=action, signer=signer)
    return sts.post(protect(message, sign=sign), path=PATH)


def test_row_8_a_certificate_with_those_above_it_proves_the_account_that_the_anchors_rule_names():
    assert answered(requestor(), CA, SUB).status == 200
    assert answered(requestor(), SUB).status == 200
    assert answered(requestor(), intermediates=(SUB,)).status == 200


@pytest.mark.parametrize(
    "above",
    [
        (),
        (CA,),
        (intermediate("sub", ends=NOON - timedelta(hours=1)),),
        (intermediate("sub", extensions=()),),
        (intermediate("sub", issuer_key=key("mallory", "ec")),),
        (intermediate("sub", extensions=only_names(x509.DirectoryName(subject("nobody")))),),
        (intermediate("sub", extensions=(*CA_EXTENSIONS, (x509.PolicyConstraints(0, None), True))),),
    ],
    ids=["nothing", "a gap", "expired", "no authority", "forged", "names", "policies"],
)
def test_row_26_a_path_that_does_not_hold_is_a_failed_authentication(above):
    assert answered(requestor(), *above).fault == (ns.WSSE, "FailedAuthentication")


def test_row_26_a_revoked_certificate_and_one_that_nobody_tells_of_are_the_same_failed_authentication(tmp_path):
    lists = tmp_path / "ca.crl", tmp_path / "sub.crl"
    demanding = {"revocation": Revocation.HARD, "crls": tuple(str(each) for each in lists)}
    lists[0].write_bytes(crl())
    sub = {"issuer": subject("sub"), "signer": key("sub", "ec")}
    lists[1].write_bytes(crl(**sub))
    assert answered(requestor(), SUB, **demanding).status == 200
    lists[1].write_bytes(crl(requestor().certificate.serial_number, **sub))
    revoked = answered(requestor(), SUB, **demanding)
    lists[1].unlink()
    untold = answered(requestor(), SUB, **demanding)
    assert revoked.fault == untold.fault == (ns.WSSE, "FailedAuthentication")
    said = {answer.text(".//s12:Reason/s12:Text") for answer in (revoked, untold)}
    assert len(said) == 1
    assert None not in said
