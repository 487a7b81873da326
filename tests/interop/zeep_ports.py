"""What the suites of zeep share: names of versions, ports and token types, and how zeep tells a fault."""

import zeep

from wstrust_sts import ns

VERSIONS = {"13": ns.WST13, "2005": ns.WST05}
PORTS = {"1.1": "STS_Soap11_Port", "1.2": "STS_Soap12_Port"}
TOKEN_TYPES = {
    ns.TP11_SAML20: (f"{{{ns.SAML20}}}Assertion", "ID"),
    ns.TP11_SAML11: (f"{{{ns.SAML11}}}Assertion", "AssertionID"),
}


def code_of(fault: zeep.exceptions.Fault) -> str:
    written = fault.subcodes[0].localname if fault.subcodes else fault.code
    return written.rpartition(":")[2]
