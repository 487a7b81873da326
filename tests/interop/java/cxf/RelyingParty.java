import java.util.Base64;
import java.util.Map;

import org.apache.cxf.ws.security.tokenstore.SecurityToken;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.saml.SAMLKeyInfo;
import org.apache.wss4j.common.saml.SamlAssertionWrapper;
import org.apache.wss4j.dom.WSDocInfo;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.saml.WSSSAMLKeyInfoProcessor;
import org.apache.wss4j.dom.validate.Credential;
import org.apache.wss4j.dom.validate.SamlAssertionValidator;

/** What a relying party on WSS4J makes of a token: it trusts the certificates of a PEM file and may have a key of its own. */
final class RelyingParty {
    private RelyingParty() {
    }

    /** Verifies the token: its ID, subject and issuer. */
    static String[] verify(SecurityToken token, Map<String, String> options) throws Exception {
        SamlAssertionWrapper assertion = verified(token, options);
        return new String[] {assertion.getId(), assertion.getSubjectName(), assertion.getIssuerString()};
    }

    /** Verifies the token: how its subject is confirmed, what kind of key it is bound to, and that in base64. */
    static String[] confirm(SecurityToken token, Map<String, String> options) throws Exception {
        SamlAssertionWrapper assertion = verified(token, options);
        String method = assertion.getConfirmationMethods().get(0);
        SAMLKeyInfo key = assertion.getSubjectKeyInfo();
        if (key == null) {
            return new String[] {method, "none", ""};
        }
        if (key.getSecret() != null) {
            return new String[] {method, "secret", encoded(key.getSecret())};
        }
        if (key.getCerts() != null) {
            return new String[] {method, "certificate", encoded(key.getCerts()[0].getEncoded())};
        }
        return new String[] {method, "public key", encoded(key.getPublicKey().getEncoded())};
    }

    static String encoded(byte[] octets) {
        return Base64.getEncoder().encodeToString(octets);
    }

    private static SamlAssertionWrapper verified(SecurityToken token, Map<String, String> options) throws Exception {
        Merlin crypto = Keys.crypto(options);
        RequestData data = new RequestData();
        data.setSigVerCrypto(crypto);
        data.setDecCrypto(crypto);
        data.setCallbackHandler(Keys.passwords(options));
        data.setWsDocInfo(new WSDocInfo(token.getToken().getOwnerDocument()));
        SamlAssertionWrapper assertion = new SamlAssertionWrapper(token.getToken());
        assertion.verifySignature(new WSSSAMLKeyInfoProcessor(data), crypto);
        assertion.parseSubject(new WSSSAMLKeyInfoProcessor(data), crypto);
        Credential credential = new Credential();
        credential.setSamlAssertion(assertion);
        new SamlAssertionValidator().validate(credential, data);
        return assertion;
    }
}
