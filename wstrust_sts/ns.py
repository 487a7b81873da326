"""Every URI of the wire contract: namespaces, actions, token types, key types, claims, algorithms.

No other module spells one of them. Constants only; nothing here computes.
"""

# SOAP
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP11_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
SOAP12_NEXT = "http://www.w3.org/2003/05/soap-envelope/role/next"
SOAP12_ULTIMATE_RECEIVER = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver"
XML = "http://www.w3.org/XML/1998/namespace"
XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

# WS-Addressing
WSA = "http://www.w3.org/2005/08/addressing"
WSA04 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSAM = "http://www.w3.org/2007/05/addressing/metadata"
WSAW = "http://www.w3.org/2006/05/addressing/wsdl"
WSA_ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
WSA04_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
WSA_FAULT = "http://www.w3.org/2005/08/addressing/fault"
WSA_SOAP_FAULT = "http://www.w3.org/2005/08/addressing/soap/fault"
WSA04_FAULT = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"

# WS-Trust
WST05 = "http://schemas.xmlsoap.org/ws/2005/02/trust"
WST13 = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WST14 = "http://docs.oasis-open.org/ws-sx/ws-trust/200802"

# WS-Policy
WSP02 = "http://schemas.xmlsoap.org/ws/2002/12/policy"
WSP04 = "http://schemas.xmlsoap.org/ws/2004/09/policy"
WSP15 = "http://www.w3.org/ns/ws-policy"

# WS-Security
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = _WSS + "wssecurity-secext-1.0.xsd"
WSU = _WSS + "wssecurity-utility-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
PASSWORD_TEXT = _WSS + "username-token-profile-1.0#PasswordText"
PASSWORD_DIGEST = _WSS + "username-token-profile-1.0#PasswordDigest"
BASE64_BINARY = _WSS + "soap-message-security-1.0#Base64Binary"
STR_TRANSFORM = _WSS + "soap-message-security-1.0#STR-Transform"
X509V3 = _WSS + "x509-token-profile-1.0#X509v3"
X509_PKI_PATH = _WSS + "x509-token-profile-1.0#X509PKIPathv1"
X509_SKI = _WSS + "x509-token-profile-1.0#X509SubjectKeyIdentifier"
_SMS11 = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1"
THUMBPRINT_SHA1 = _SMS11 + "#ThumbprintSHA1"
ENCRYPTED_KEY = _SMS11 + "#EncryptedKey"
ENCRYPTED_KEY_SHA1 = _SMS11 + "#EncryptedKeySHA1"

# WS-SecureConversation
WSC05 = "http://schemas.xmlsoap.org/ws/2005/02/sc"
WSC13 = "http://docs.oasis-open.org/ws-sx/ws-secureconversation/200512"
WSC_OF_TRUST = {WST05: WSC05, WST13: WSC13}  # the version that goes with one of WS-Trust
WSC_LABEL = "WS-SecureConversation"

# XML Signature, XML Encryption
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
ENVELOPED = DS + "enveloped-signature"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA1 = DS + "sha1"
SHA256 = XENC + "sha256"
SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
SHA512 = XENC + "sha512"
RSA_SHA1 = DS + "rsa-sha1"
HMAC_SHA1 = DS + "hmac-sha1"
HMAC_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
RSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
ECDSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
ECDSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"
XENC_ELEMENT = XENC + "Element"
XENC_CONTENT = XENC + "Content"
AES128_CBC = XENC + "aes128-cbc"
AES192_CBC = XENC + "aes192-cbc"
AES256_CBC = XENC + "aes256-cbc"
AES128_GCM = XENC11 + "aes128-gcm"
AES192_GCM = XENC11 + "aes192-gcm"
AES256_GCM = XENC11 + "aes256-gcm"
RSA_OAEP_MGF1P = XENC + "rsa-oaep-mgf1p"
RSA_OAEP = XENC11 + "rsa-oaep"
MGF1_SHA1 = XENC11 + "mgf1sha1"
MGF1_SHA256 = XENC11 + "mgf1sha256"
MGF1_SHA384 = XENC11 + "mgf1sha384"
MGF1_SHA512 = XENC11 + "mgf1sha512"

# SAML
SAML11 = "urn:oasis:names:tc:SAML:1.0:assertion"
SAML20 = "urn:oasis:names:tc:SAML:2.0:assertion"
_TP10 = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0"
_TP11 = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1"
TP11_SAML11 = _TP11 + "#SAMLV1.1"
TP11_SAML20 = _TP11 + "#SAMLV2.0"
SAML11_KEY_IDENTIFIER = _TP10 + "#SAMLAssertionID"
SAML20_KEY_IDENTIFIER = _TP11 + "#SAMLID"
SAML11_BEARER = "urn:oasis:names:tc:SAML:1.0:cm:bearer"
SAML20_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SAML11_HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"
SAML20_HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
SAML11_AM_PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"
SAML11_AM_UNSPECIFIED = "urn:oasis:names:tc:SAML:1.0:am:unspecified"
SAML11_AM_TLS_CLIENT = "urn:ietf:rfc:2246"
SAML11_AM_X509 = "urn:oasis:names:tc:SAML:1.0:am:X509-PKI"
SAML20_AC_TLS_CLIENT = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
SAML20_AC_X509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
SAML20_AC_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
SAML20_AC_PASSWORD_PROTECTED = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
SAML20_AC_UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
SAML20_ATTRNAME_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
SAML20_ATTRNAME_UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
SAML20_DELEGATION = "urn:oasis:names:tc:SAML:2.0:conditions:delegation"

# SAML metadata, WS-Federation
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
FED = "http://docs.oasis-open.org/wsfed/federation/200706"

# Name identifier formats
NAMEID_UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NAMEID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAMEID_X509_SUBJECT = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
NAMEID_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
NAMEID_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
NAMEID_KERBEROS = "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"
NAMEID_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
NAMEID_UPN = "http://schemas.xmlsoap.org/claims/UPN"

# Token types (WS-Trust), every spelling that clients use
JWT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"
SCT13_TOKEN_TYPE = WSC13 + "/sct"
SCT05_TOKEN_TYPE = WSC05 + "/sct"
SCT_TOKEN_TYPES = (SCT13_TOKEN_TYPE, SCT05_TOKEN_TYPE)
SAML11_TOKEN_TYPES = (SAML11, TP11_SAML11)
SAML20_TOKEN_TYPES = (TP11_SAML20, SAML20, "oasis:names:tc:SAML:2.0:assertion")
NO_PROOF_KEY = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"

# Claims
IDENTITY = "http://schemas.xmlsoap.org/ws/2005/05/identity"
AUTHCLAIMS = "http://docs.oasis-open.org/wsfed/authorization/200706/authclaims"
AUTHORIZATION = "http://docs.oasis-open.org/wsfed/authorization/200706"
CLAIM_NAME = IDENTITY + "/claims/name"
CLAIM_EMAIL = IDENTITY + "/claims/emailaddress"
CLAIM_UPN = IDENTITY + "/claims/upn"
CLAIM_GIVEN_NAME = IDENTITY + "/claims/givenname"
CLAIM_SURNAME = IDENTITY + "/claims/surname"
CLAIM_PRIVATE_ID = IDENTITY + "/claims/privatepersonalidentifier"
CLAIM_ACTOR = "http://schemas.xmlsoap.org/ws/2009/09/identity/claims/actor"
CLAIM_X500 = IDENTITY + "/claims/x500distinguishedname"
CLAIM_AUTHENTICATION_METHOD = "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod"
CLAIM_AUTHENTICATION_REFERENCES = "http://schemas.microsoft.com/claims/authnmethodsreferences"
CLAIM_INSIDE_CORPORATE_NETWORK = "http://schemas.microsoft.com/ws/2012/01/insidecorporatenetwork"
_MS_AM = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/"
MS_AM_PASSWORD = _MS_AM + "password"
MS_AM_X509 = _MS_AM + "x509"
MS_AM_TLS_CLIENT = _MS_AM + "tlsclient"
MS_AM_UNSPECIFIED = _MS_AM + "unspecified"
CLAIM_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

# WS-SecurityPolicy, WSDL
SP11 = "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"
SP12 = "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
WSDL_SOAP11 = "http://schemas.xmlsoap.org/wsdl/soap/"
WSDL_SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
SOAP_OVER_HTTP = "http://schemas.xmlsoap.org/soap/http"
ADFS_STS = "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice"

# WS-MetadataExchange, WS-Transfer
MEX = "http://schemas.xmlsoap.org/ws/2004/09/mex"
MEX_REQUEST = MEX + "/GetMetadata/Request"
MEX_RESPONSE = MEX + "/GetMetadata/Response"
WXF_GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
WXF_GET_RESPONSE = WXF_GET + "Response"

# This software's own: the correlation id in a fault's detail
STS = "urn:wstrust-sts:fault"
