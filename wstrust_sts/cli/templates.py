"""The files that `init` writes."""

STS_TOML = """\
# One process of wstrust-sts. Every key, with its default: docs/configuration.md.
# Realms, accounts and relying parties are in the database: `wstrust-sts apply`.

[server]
listen = "127.0.0.1:{port}"
public_url = "{public_url}"
certificate = "server.pem"  # of a development authority; replace it, or put a TLS proxy in front (plain_http)
private_key = "server.key"
{server}
[database]
{database}

[secrets]
key_encryption_key_file = "{key_file}"

[log]
format = "text"
level = "info"

{endpoints}"""

USUAL_ENDPOINTS = """\
# Without any [[endpoint]] there are /trust/13/usernamemixed and /trust/2005/usernamemixed: passwords over TLS. As soon
# as there is one, all that is to be served is written down. Messages that protect themselves, and requestors with a
# certificate: docs/message-security.md.
#
# [[endpoint]]
# path = "/trust/13/usernamemixed"
# trust = "1.3"
#
# [[endpoint]]
# path = "/trust/13/username"
# trust = "1.3"
# policy = "username"
#
# [[endpoint]]
# path = "/trust/13/certificate"
# trust = "1.3"
# policy = "certificate"
"""

SQLITE = 'url = "sqlite:///sts.db"'

DEMO_STATE = """\
# Two users and two relying parties to try wstrust-sts with: wstrust-sts apply -f demo.toml
# A realm that is already there is left as it is.

[[account]]
name = "alice"
password_file = "alice.password"
groups = ["staff", "buyers"]

[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname" = "Alice"
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname" = "Liddell"
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" = "alice@example.test"
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" = "alice@corp.example.test"

[[account]]
name = "bob"
password_file = "bob.password"
groups = ["staff"]

[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" = "bob@example.test"
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" = "bob@corp.example.test"

# SAML 2.0 for a service and everything below its address.
[[relying_party]]
name = "orders"
applies_to = [{ prefix = "https://orders.example.test/" }]
default_token_type = "saml20"
lifetime = { default = "30m", maximum = "2h" }
name_identifier = { format = "persistent" }

[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"

[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"

[[relying_party.claim]]
group = "*"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

# SAML 1.1 for an application that was written for AD FS.
[[relying_party]]
name = "intranet"
applies_to = ["urn:example:intranet"]
default_token_type = "saml11"
name_identifier = { format = "UPN", claim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" }

[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"

[[relying_party.claim]]
group = "staff"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
values = ["Employee"]
"""
