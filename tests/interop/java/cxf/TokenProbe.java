import java.io.FileInputStream;
import java.security.KeyStore;
import java.util.HashMap;
import java.util.Map;

import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.namespace.QName;

import org.apache.cxf.BusFactory;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.staxutils.StaxUtils;
import org.apache.cxf.ws.security.SecurityConstants;
import org.apache.cxf.ws.security.tokenstore.SecurityToken;
import org.apache.cxf.ws.security.trust.STSClient;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;

/**
 * Apache CXF's STSClient at endpoints that ask for an issued token: it is told which token it has, and does the rest by
 * the policy of the WSDL.
 *
 * <p>Commands: {@code client NAME OPTION=VALUE...}; {@code issue CLIENT TOKEN ADDRESS [CREDENTIAL]}; {@code renew CLIENT
 * TOKEN MADE [CREDENTIAL]}; {@code cancel CLIENT TOKEN [CREDENTIAL]}. A CREDENTIAL is the name of a token.
 */
public final class TokenProbe implements Lines.Client {
    private final Map<String, STSClient> clients = new HashMap<>();
    private final Map<String, SecurityToken> tokens = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Lines.serve(new TokenProbe());
        System.exit(0);
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        switch (words[0]) {
            case "client":
                clients.put(words[1], client(Lines.options(words)));
                return new String[] {};
            case "issue":
                return keep(words[2], showing(words, 4).requestSecurityToken(words[3]));
            case "renew":
                return keep(words[3], showing(words, 4).renewSecurityToken(tokens.get(words[2])));
            case "cancel":
                return new String[] {String.valueOf(showing(words, 3).cancelSecurityToken(tokens.get(words[2])))};
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    @Override
    public String code(Throwable cause) {
        if (cause instanceof SoapFault fault) {
            return fault.getSubCode() == null ? fault.getFaultCode().toString() : fault.getSubCode().toString();
        }
        return null;
    }

    private String[] keep(String name, SecurityToken token) throws Exception {
        tokens.put(name, token);
        return new String[] {token.getId(), StaxUtils.toString(token.getToken())};
    }

    /** The client that the command names, with the token that stands at this place of it. */
    private STSClient showing(String[] words, int place) {
        STSClient client = clients.get(words[1]);
        if (words.length > place) {
            client.getProperties().put(SecurityConstants.TOKEN, tokens.get(words[place]));
        }
        return client;
    }

    private static STSClient client(Map<String, String> options) throws Exception {
        STSClient client = new STSClient(BusFactory.newInstance().createBus());
        client.setWsdlLocation(options.get("wsdl"));
        client.setServiceQName(new QName(options.get("targetNamespace"), "SecurityTokenService"));
        client.setEndpointQName(new QName(options.get("targetNamespace"), options.get("port")));
        String trust = options.get("trust");
        client.setNamespace(trust);
        client.setTokenType(options.get("tokenType"));
        client.setKeyType(trust + "/" + options.getOrDefault("keyType", "Bearer"));
        client.setUseCertificateForConfirmationKeyInfo(true);
        client.setEnableAppliesTo(true);
        client.setAllowRenewing(true);
        Map<String, Object> properties = new HashMap<>();
        if (options.containsKey("user")) {
            properties.put(SecurityConstants.USERNAME, options.get("user"));
            properties.put(SecurityConstants.PASSWORD, options.get("password"));
        }
        if (options.containsKey("keys")) {
            properties.putAll(keys(options.get("keys"), options.get("keysPassword")));
        }
        options.forEach((name, value) -> {
            if (name.startsWith("ws-security.")) {
                properties.put(name, value);
            }
        });
        client.setProperties(properties);
        return client;
    }

    /** To sign with, and to have tokens bound to: the key under the alias `own`. */
    private static Map<String, Object> keys(String file, String password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(file), password.toCharArray());
        Merlin crypto = new Merlin();
        crypto.setKeyStore(store);
        CallbackHandler passwords = callbacks -> {
            for (Callback callback : callbacks) {
                ((WSPasswordCallback) callback).setPassword(password);
            }
        };
        return Map.of(
            SecurityConstants.SIGNATURE_CRYPTO, crypto,
            SecurityConstants.SIGNATURE_USERNAME, "own",
            SecurityConstants.STS_TOKEN_CRYPTO, crypto,
            SecurityConstants.STS_TOKEN_USERNAME, "own",
            SecurityConstants.CALLBACK_HANDLER, passwords);
    }
}
