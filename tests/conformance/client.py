"""A WS-Trust client that speaks one pair of versions, and reads answers by namespace, never by prefix."""

from dataclasses import dataclass

from lxml import etree

from tests import messages
from tests.cases import each
from tests.harness import Sts
from tests.messages import Answer
from wstrust_sts import ns

PATHS = {ns.WST13: "/trust/13/usernamemixed", ns.WST05: "/trust/2005/usernamemixed"}


@dataclass(frozen=True)
class Versions:
    trust: str
    soap: str

    def __str__(self) -> str:
        return f"{'1.3' if self.trust == ns.WST13 else '2005'} over SOAP {self.soap}"


COMBINATIONS = [Versions(trust, soap) for trust in (ns.WST13, ns.WST05) for soap in ("1.1", "1.2")]
MESSAGE_ID = "urn:uuid:4f1a9b52-7c0e-4b8e-9f7e-0c5a5d0f3b11"

each_that_is_no_token_of_ours = each(
    {
        "unknown kind": "<x/>",
        "UsernameToken": messages.username_token(),
        "unknown id": f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:KeyIdentifier '
        f'ValueType="{ns.SAML20_KEY_IDENTIFIER}">_1</o:KeyIdentifier></o:SecurityTokenReference>',
    },
    "target",
)


@dataclass(frozen=True)
class Client:
    """Sends good requests in its versions; `sts` may have any endpoints at `PATHS`."""

    sts: Sts
    versions: Versions

    @property
    def trust(self) -> str:
        return self.versions.trust

    @property
    def soap(self) -> str:
        return self.versions.soap

    @property
    def how(self) -> dict[str, str]:
        """Where and how to send, for the methods of `Sts`."""
        return {"path": PATHS[self.trust], "soap": self.soap}

    def ask(self, body: str, *, operation: str | None = None, **how) -> Answer:
        """With the addressing headers of `operation`, where it is given."""
        if operation is not None:
            how["headers"] = (messages.addressing(f"{self.trust}/RST/{operation}", message_id=MESSAGE_ID),)
        return self.sts.ask(body, **(self.how | how))

    def issue(self, *more: str, **how) -> Answer:
        return self.sts.issue(*more, **(self.how | how))

    def token(self, **how) -> str:
        """A freshly issued assertion, as it stands in the answer."""
        return self.issue(**how).assertion.decode()

    def rst(self, operation: str, *parts: str) -> str:
        return messages.rst(operation, *parts, trust=self.trust)

    def validate(self, target: str, **how) -> Answer:
        return self.ask(messages.validate(target, trust=self.trust), **how)

    def transform(self, target: str, *more: str, token_type: str, **how) -> Answer:
        return self.ask(messages.transform(target, *more, token_type=token_type, trust=self.trust), **how)

    def renew(self, target: str, *more: str, **how) -> Answer:
        return self.ask(messages.renew(target, *more, trust=self.trust), **how)

    def cancel(self, target: str, **how) -> Answer:
        return self.ask(messages.cancel(target, trust=self.trust), **how)

    # -- reading answers ---------------------------------------------------------------------------------------

    def find(self, answer: Answer, path: str):
        """`t` is this client's WS-Trust and `s` its SOAP; the other prefixes are those of tests/messages.py."""
        names = messages.NAMES | {"t": self.trust, "s": messages.SOAP[self.soap]}
        return answer.root.find(path, names)

    def text(self, answer: Answer, path: str) -> str | None:
        found = self.find(answer, path)
        return None if found is None else found.text

    def rstr(self, answer: Answer):
        """The one response, wherever the versions put it."""
        (found,) = answer.root.iter(f"{{{self.trust}}}RequestSecurityTokenResponse")
        return found


def names(element) -> list[str]:
    """The local names of the children, in order."""
    return [etree.QName(child).localname for child in element]


def by_reference(token: str) -> str:
    """A SecurityTokenReference to an assertion by its id."""
    root = etree.fromstring(token)
    saml2 = root.tag.startswith(f"{{{ns.SAML20}}}")
    identifier = root.get("ID") if saml2 else root.get("AssertionID")
    value_type = ns.SAML20_KEY_IDENTIFIER if saml2 else ns.SAML11_KEY_IDENTIFIER
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:KeyIdentifier ValueType="{value_type}">{identifier}'
        "</o:KeyIdentifier></o:SecurityTokenReference>"
    )


def assert_sound(answer: Answer, *, soap: str) -> None:
    """What holds for every answer and fault: well-formed, of the SOAP version asked in, one Security and Timestamp."""
    root = answer.root  # raises where it is not well-formed
    envelope = messages.SOAP[soap]
    assert root.tag == f"{{{envelope}}}Envelope"
    assert answer.content_type == messages.content_type(soap)
    assert [etree.QName(part).localname for part in root] == ["Header", "Body"]
    (header, body) = root
    assert len(header.findall(f"{{{ns.WSSE}}}Security")) == 1
    timestamps = list(root.iter(f"{{{ns.WSU}}}Timestamp"))
    assert [etree.QName(stamp.getparent()).localname for stamp in timestamps] == ["Security"]
    assert len(body) == 1
