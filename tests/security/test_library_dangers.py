"""What the libraries below do when left alone, each seen to happen: one test or more for each, named by the danger.

The heads name the danger; the tests show that it is not one here.
"""

import gc
import hashlib
import itertools
import os
import sys
import threading
import time
from pathlib import Path

import pytest
import spyne.const
import xmlsec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree

from tests import messages
from tests.attack import ENTRANCES, Attack, InProcess
from tests.forgeries import our_key
from tests.forgery import SIGNATURE, Form, forge
from tests.harness import PUBLIC_URL, signing_key
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request, settled
from wstrust_sts.config import ServerSection
from wstrust_sts.errors import InvalidRequest, InvalidSecurity, NotWellFormed, UnsupportedMediaType
from wstrust_sts.model import TokenType
from wstrust_sts.server.pool import ThreadPool
from wstrust_sts.wire.native import check_native_libraries, mismatch
from wstrust_sts.wire.xml import parse

INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


@pytest.fixture(scope="module")
def attacker(target: InProcess) -> Attack:
    return Attack(target, ENTRANCES[1])


def in_this_process(attack: Attack) -> InProcess:
    assert isinstance(attack.target, InProcess)
    return attack.target


def issued(attack: Attack) -> str:
    return attack.issued(attack.message()).assertion.decode()


# -- 1: inclusive canonicalization of many namespaces takes half a minute ----------------------------------------


def test_inclusive_canonicalization_is_refused_before_it_costs_anything(attacker: Attack) -> None:
    assertion = etree.fromstring(issued(attacker))
    reference = f'URI="#{assertion.get("ID")}"'
    transform = f'<ds:Transforms><ds:Transform Algorithm="{INCLUSIVE}"/></ds:Transforms>'
    bombs = (
        Form(c14n_method=f'<ds:CanonicalizationMethod Algorithm="{INCLUSIVE}"/>', reference_attributes=reference),
        Form(transforms=transform, reference_attributes=reference),
    )
    declarations = "".join(f' xmlns:n{i}="urn:{i}"' for i in range(30))
    for form in bombs:
        bomb = forge(TokenType.SAML20, form, assertion=assertion, signer=our_key())
        for _ in range(400):
            bomb.insert(1, etree.fromstring('<y xmlns="urn:y"><y/></y>'))
        markup = etree.tostring(bomb).decode()
        for _ in range(20):
            markup = f"<x{declarations}>{markup}</x>"
        began = time.process_time()
        inside = f"<o:Embedded>{etree.tostring(bomb).decode()}</o:Embedded>"
        reference_ = f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"{declarations}>{inside}</o:SecurityTokenReference>'
        assert attacker.validated(markup) == "invalid"
        assert attacker.validated(reference_) == "invalid"
        assert time.process_time() - began < 0.2


# -- 2: libxmlsec opens the file or URL that a Reference names ---------------------------------------------------


def _template(uri: str) -> etree._Element:
    root = etree.fromstring("<x/>")
    signature = xmlsec.template.create(root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformHmacSha256)
    xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri=uri)
    root.append(signature)
    return signature


def test_libxmlsec_opens_no_file_that_a_reference_names(tmp_path) -> None:
    check_native_libraries()
    secret = tmp_path / "secret"
    secret.write_text("secret")
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, b"k" * 32)
    for uri in (f"file://{secret}", str(secret)):
        with pytest.raises(xmlsec.Error):
            context.sign(_template(uri))


def test_a_reference_to_a_file_is_never_followed(attacker: Attack, tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opened it would wait for a writer for ever
    assertion = etree.fromstring(issued(attacker))
    for uri in (f"file://{pipe}", str(pipe)):
        form = Form(reference_attributes=f'URI="{uri}"', transforms="")
        forged = forge(TokenType.SAML20, form, assertion=assertion, signer=our_key())
        assert attacker.validated(etree.tostring(forged).decode()) == "invalid"


def test_the_node_that_is_verified_is_the_node_that_is_read(attacker: Attack) -> None:
    """By identity, not by name: a second bearer of the id anywhere in the message ends the matter."""
    token = issued(attacker)
    token_id = etree.fromstring(token).get("ID")
    evil = token.replace(">alice<", ">admin<")
    assert attacker.validated(token) == "valid"
    for message in (
        attacker.message(messages.validate(evil, trust=attacker.trust), token),
        attacker.message(messages.validate(token, trust=attacker.trust), evil),
        attacker.message(messages.validate(token, trust=attacker.trust), f'<x ID="{token_id}"/>'),
    ):
        assert attacker.send(message).status_code == "invalid"


# -- 3: a tree that another thread touches crashes the process ---------------------------------------------------


def _documents() -> int:
    return sum(type(thing).__name__ == "_Document" for thing in gc.get_objects())


def _bodies(attack: Attack) -> dict[str, str]:
    token = issued(attack)
    return {
        "issue": attack.rst(),
        "validate": messages.validate(token, trust=attack.trust),
        "a tampered token": messages.validate(token.replace("alice", "mallory"), trust=attack.trust),
        "cancel": messages.cancel(token, trust=attack.trust),
        "no request": "<x/>",
        "not offered": attack.rst("<t:Encryption/>"),
        "no such relying party": attack.rst(address="urn:nobody"),
        "cancel of nothing known": messages.cancel("<x/>", trust=attack.trust),
        "not well-formed": "<x",
    }


def test_a_parsed_tree_dies_with_its_request(attacker: Attack) -> None:
    """The answer may wait for the database and be dropped by another thread: no tree may hang on it, nor on a cycle
    that the collector would free in any thread.
    """
    application = in_this_process(attacker).sts.application
    for name, body in _bodies(attacker).items():
        request = Request(
            method="POST",
            path=attacker.entrance.path,
            headers={"content-type": messages.content_type(attacker.entrance.soap)},
            body=attacker.message(body).encode(),
        )
        application.handle(request)
        gc.collect()
        gc.disable()
        try:
            before = _documents()
            response = application.handle(request)
            assert _documents() == before, f"{name}: a tree hangs on the answer"
            del response
        finally:
            gc.enable()


def test_many_threads_parse_and_answer_at_once(attacker: Attack) -> None:
    target = in_this_process(attacker)
    content_type = messages.content_type(attacker.entrance.soap)
    sent = [attacker.message(body).encode() for body in _bodies(attacker).values()]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for octets in sent * 10:
                target.send(octets, path=attacker.entrance.path, content_type=content_type, method="POST", headers={})
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# -- 4: Spyne resolves ids, joins text around comments, lets malformed requests escape, believes the Host header ---


def test_spyne_does_not_copy_what_href_names(attacker: Attack) -> None:
    attacker.refused(attacker.message('<x href="#r"/>', attacker.rst(attributes=' id="r"')), InvalidRequest)
    attacker.refused(attacker.message('<x href="#nowhere"/>'), InvalidRequest)


def test_spyne_does_not_pass_over_a_second_body(attacker: Attack) -> None:
    body = f"<s:Body>{attacker.rst()}</s:Body>"
    attacker.refused(attacker.message().replace(body, body * 2), InvalidRequest)


def test_spyne_does_not_join_text_around_a_comment(attacker: Attack) -> None:
    attacker.refused(attacker.with_credential(messages.username_token("ali<!-- -->ce")), InvalidSecurity)


def test_spyne_does_not_take_a_document_type(attacker: Attack) -> None:
    attacker.refused("<!DOCTYPE x>" + attacker.message(), InvalidRequest)


def test_spyne_does_not_take_a_type_that_the_message_chooses(attacker: Attack) -> None:
    attacker.issued(attacker.message(attacker.rst(attributes=f' xmlns:i="{ns.XSI}" i:type="t:Cancel"')))


def test_spyne_lets_no_malformed_request_escape(attacker: Attack) -> None:
    envelope = f'<s:Envelope xmlns:s="{attacker.soap_namespace}">'
    for content in ("", "<s:Body/>", "<s:Header/>", "<s:Body><s:Fault/></s:Body>"):
        attacker.refused(f"{envelope}{content}</s:Envelope>", InvalidRequest, InvalidSecurity)
    for octets in (b"\0", b"<", b"<s:Envelope/>", b"x" * 100):
        attacker.refused(octets, NotWellFormed)


def test_spyne_parses_no_multipart(attacker: Attack) -> None:
    part = f"--x\r\nContent-Type: text/xml\r\n\r\n{attacker.message()}\r\n--x--"
    attacker.refused(part, UnsupportedMediaType, content_type='multipart/related; boundary="x"; type="text/xml"')


def test_spyne_does_not_collect_garbage_in_a_request(attacker: Attack) -> None:
    assert attacker.target
    assert float("inf") == spyne.const.MIN_GC_INTERVAL


def test_the_wsdl_does_not_believe_the_host_header(attacker: Attack) -> None:
    application = in_this_process(attacker).sts.application
    evil = {"host": "evil.example.test", "x-forwarded-host": "evil.example.test", "forwarded": "host=evil.example.test"}
    for query in ("wsdl", "WSDL", "singleWsdl"):
        request = Request(method="GET", path=attacker.entrance.path, query=query, headers=evil)
        document = settled(application.handle(request)).body
        assert b"evil" not in document
        assert f'location="{PUBLIC_URL}{attacker.entrance.path}"'.encode() in document


# -- 5: a signed assertion that is appended to a tree changes its prefixes, and breaks ---------------------------


@pytest.mark.parametrize("token_type", [ns.TP11_SAML20, ns.SAML11])
def test_the_assertion_goes_out_as_it_was_signed(attacker: Attack, token_type: str) -> None:
    answer = attacker.issued(attacker.message(attacker.rst(token_type=token_type)))
    tokens = in_this_process(attacker).sts.stores.issued_tokens.rows
    inside = next(answer.root.iter(f"{{{ns.SAML20}}}Assertion", f"{{{ns.SAML11}}}Assertion"))
    canonical = etree.tostring(inside, method="c14n", exclusive=True)
    assert canonical == answer.assertion
    record = tokens["default", inside.get("ID") or inside.get("AssertionID")]
    assert record.digest == hashlib.sha256(answer.assertion).digest()
    assert attacker.validated(etree.tostring(inside).decode()) == "valid"


# -- 6: floods of attributes and namespaces ----------------------------------------------------------------------


def test_floods_are_counted_before_they_are_worked_on(attacker: Attack) -> None:
    flood = "".join(f' a{i}=""' for i in range(10_000))
    chain = "".join(f'<x xmlns:a{i}="u:{i}" xmlns:b{i}="u:{i}">' for i in range(200)) + "<y/>" * 1_500 + "</x>" * 200
    token = issued(attacker)
    bodies = (
        attacker.rst(f"<x{flood}/>"),
        attacker.rst(chain),
        messages.validate(chain, trust=attacker.trust),
        messages.validate(token.replace(" ID=", f"{flood} ID="), trust=attacker.trust),
    )
    for body in bodies:
        message = attacker.message(body)
        began = time.process_time()
        answer = attacker.send(message)
        assert time.process_time() - began < 0.05
        assert answer.status_code != "valid"


# -- 7: names chosen by clients stay in lxml's dictionary; signing with xmlsec leaks -----------------------------


def test_workers_are_replaced_in_the_end() -> None:
    assert 0 < ServerSection(public_url=PUBLIC_URL).maximum_requests <= 100_000


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_names_that_clients_choose_do_not_fill_the_memory() -> None:
    """The server's threads end before lxml's dictionary of theirs is large: else this would grow by 50 MB."""
    pool = ThreadPool(limit=2, name="names")
    numbers = itertools.count()
    done = threading.Semaphore(0)

    def job() -> None:
        parse(b"<r>" + b"".join(b"<e%055d/>" % next(numbers) for _ in range(1_000)) + b"</r>")
        done.release()

    def run(jobs: int) -> None:
        for _ in range(jobs):
            pool.submit(job)
            done.acquire()

    run(200)
    before = _resident()
    run(700)
    assert _resident() - before < 25 * 1024 * 1024
    pool.close()


def test_requests_are_answered_without_xmlsec(attacker: Attack) -> None:
    """Nothing on the way of a request calls it."""
    called: list[str] = []

    def watch(frame, event, argument) -> None:
        if event == "c_call" and (getattr(argument, "__module__", None) or "").startswith("xmlsec"):
            called.append(argument.__name__)

    message = attacker.message()
    token = issued(attacker)
    sys.setprofile(watch)
    try:
        attacker.send(message)
        attacker.validated(token)
    finally:
        sys.setprofile(None)
    assert not called


# -- 8: two copies of libxml2 in one process ---------------------------------------------------------------------


def test_lxml_and_xmlsec_carry_the_same_libxml2() -> None:
    check_native_libraries()
    assert "pip install" in mismatch((2, 14), (2, 9))


# -- 9: a KeysManager takes ten milliseconds, and a certificate is copied at each use ----------------------------


def test_keys_are_read_once_and_kept_bare(attacker: Attack) -> None:
    keyring = in_this_process(attacker).sts.keyring
    assert keyring.verification_keys("default") is keyring.verification_keys("default")
    assert keyring.signer("default") is keyring.signer("default")
    (key,) = keyring.verification_keys("default")
    assert not any("ertificate" in name for name in vars(key))


# -- 10: SHA-1 and RSA PKCS #1 v1.5 encryption are enabled in libxmlsec -------------------------------------------


@pytest.mark.parametrize("weak", ["rsa-sha1", "dsa-sha1", "hmac-sha1", "rsa-md5"])
def test_weak_signature_methods_are_refused(attacker: Attack, weak: str) -> None:
    record, box = signing_key()
    octets = box.open(record.wrapped_private_key, purpose=f"signing-key {record.realm} {record.id}")
    private_key = serialization.load_der_private_key(octets, password=None)
    assertion = etree.fromstring(issued(attacker))
    form = Form(
        signature_method=f'<ds:SignatureMethod Algorithm="{ns.DS}{weak}"/>',
        reference_attributes=f'URI="#{assertion.get("ID")}"',
    )
    forged = forge(
        TokenType.SAML20,
        form,
        assertion=assertion,
        sign=lambda signed: private_key.sign(signed, PKCS1v15(), hashes.SHA1()),
    )
    assert forged.find(SIGNATURE) is not None
    assert attacker.validated(etree.tostring(forged).decode()) == "invalid"
