from datetime import UTC, datetime, timedelta
from pathlib import Path

import zeep  # start the demo first: make run
from lxml import etree
from zeep.wsse import UsernameToken, utils

ISSUE, ADDRESS = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue", "https://orders.example.test/"
transport, now, soon = zeep.Transport(), datetime.now(UTC), datetime.now(UTC) + timedelta(minutes=5)
transport.session.trust_env, transport.session.verify = False, ".demo/ca.pem"
stamp = utils.WSU.Timestamp(utils.WSU.Created(f"{now:%FT%TZ}"), utils.WSU.Expires(f"{soon:%FT%TZ}"))
user = UsernameToken("alice", Path(".demo/alice.password").read_text().strip(), timestamp_token=stamp)
sts = zeep.Client("https://localhost:8443/trust/13/usernamemixed?wsdl", wsse=user, transport=transport).service
answer = sts.Issue(RequestType=ISSUE, AppliesTo={"EndpointReference": {"Address": ADDRESS}})
print(etree.tostring(answer.RequestSecurityTokenResponse[0].RequestedSecurityToken._value_1).decode())
