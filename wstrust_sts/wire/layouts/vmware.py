"""The layout `vmware`: answers in the text of vCenter, for its clients (wire contract section 4).

pyVmomi takes a fault's code and sentence for what they are only where no third text is in the document. govmomi writes
assertions again from structures of its own and signs a digest of that: what such an assertion says, and in which
attributes, is `saml20_explicit` of the endpoint (tokens/saml20.py). VMware's SDK for Java finds the token only where it
is the first child of the response.
"""

from dataclasses import replace

from wstrust_sts.wire.layouts.default import DEFAULT
from wstrust_sts.wire.soap import EnvelopeStyle

VMWARE = replace(
    DEFAULT,
    order=("RequestedSecurityToken", *(name for name in DEFAULT.order if name != "RequestedSecurityToken")),
    envelope=EnvelopeStyle(bare_faults=True),
)
