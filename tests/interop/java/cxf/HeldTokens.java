import java.time.Instant;
import java.util.Map;

import org.apache.cxf.staxutils.StaxUtils;
import org.apache.cxf.ws.security.tokenstore.SecurityToken;

/** What somebody makes of a token who is not content with what the STS gave. */
final class HeldTokens {
    private HeldTokens() {
    }

    /** The token with one text in it exchanged for another, as good for an hour as its holder is concerned. */
    static SecurityToken forge(SecurityToken token, String text, String other) throws Exception {
        String markup = StaxUtils.toString(token.getToken()).replace(">" + text + "<", ">" + other + "<");
        SecurityToken forged = copy(token, markup);
        forged.setSecret(token.getSecret());
        forged.setX509Certificate(token.getX509Certificate(), token.getCrypto());
        return forged;
    }

    /** The token, held with a secret of other octets or, where {@code options} name a store, with the key in that. */
    static SecurityToken rekey(SecurityToken token, Map<String, String> options) throws Exception {
        SecurityToken other = copy(token, StaxUtils.toString(token.getToken()));
        if (options.containsKey("keys")) {
            other.setX509Certificate(Keys.certificate(options, options.get("bindTo")), Keys.crypto(options));
        } else {
            byte[] secret = token.getSecret().clone();
            secret[0] ^= 1;
            other.setSecret(secret);
        }
        return other;
    }

    private static SecurityToken copy(SecurityToken token, String markup) throws Exception {
        Instant now = Instant.now();
        SecurityToken copy = new SecurityToken(
            token.getId(), StaxUtils.read(new java.io.StringReader(markup)).getDocumentElement(), now, now.plusSeconds(3600));
        copy.setTokenType(token.getTokenType());
        copy.setAttachedReference(token.getAttachedReference());
        copy.setUnattachedReference(token.getUnattachedReference());
        return copy;
    }
}
