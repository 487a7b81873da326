"""The layout `vmware`: answers in the text of vCenter, for pyVmomi and govmomi (wire contract section 4).

pyVmomi takes a fault's code and sentence for what they are only where no third text is in the document. govmomi writes
assertions again from structures of its own and signs a digest of that: what such an assertion says, and in which
attributes, is `saml20_explicit` of the endpoint (tokens/saml20.py).
"""

from dataclasses import replace

from wstrust_sts.wire.layouts.default import DEFAULT
from wstrust_sts.wire.soap import EnvelopeStyle

VMWARE = replace(DEFAULT, envelope=EnvelopeStyle(bare_faults=True))
