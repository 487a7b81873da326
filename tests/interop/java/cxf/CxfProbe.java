import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import javax.net.ssl.KeyManagerFactory;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.namespace.QName;

import org.apache.cxf.Bus;
import org.apache.cxf.BusFactory;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.message.Message;
import org.apache.cxf.staxutils.StaxUtils;
import org.apache.cxf.ws.addressing.EndpointReferenceType;
import org.apache.cxf.ws.addressing.EndpointReferenceUtils;
import org.apache.cxf.ws.addressing.MetadataType;
import org.apache.cxf.ws.security.SecurityConstants;
import org.apache.cxf.ws.security.tokenstore.SecurityToken;
import org.apache.cxf.ws.security.trust.STSClient;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.apache.wss4j.common.saml.SamlAssertionWrapper;
import org.apache.wss4j.dom.WSDocInfo;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.saml.WSSSAMLKeyInfoProcessor;
import org.apache.wss4j.dom.validate.Credential;
import org.apache.wss4j.dom.validate.SamlAssertionValidator;

/**
 * Apache CXF's STSClient.
 *
 * <p>Commands: {@code client NAME OPTION=VALUE...} (makes a client and names it); {@code issue}, {@code validate} and
 * {@code cancel} with the names of a client and of a token; {@code transform} and {@code renew CLIENT TOKEN MADE};
 * {@code verify TOKEN CERTIFICATES}; {@code forge TOKEN MADE TEXT OTHER}. {@code publish PORT WSDL KEYS PASSWORD
 * CERTIFICATES} serves {@link GreetingService}, and {@code greet CLIENT ADDRESS [TOKEN]} calls it. Options that begin
 * with {@code ws-security.} are CXF's own.
 */
public final class CxfProbe implements Lines.Client {
    private static final String MEX = "http://schemas.xmlsoap.org/ws/2004/09/mex";
    private static final String CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity";

    private final Map<String, STSClient> clients = new HashMap<>();
    private final Map<String, SecurityToken> tokens = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Lines.serve(new CxfProbe());
        System.exit(0); // the threads of the services that were published would go on
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        switch (words[0]) {
            case "client":
                clients.put(words[1], client(Lines.options(words)));
                return new String[] {};
            case "issue":
                return issue(clients.get(words[1]), words[2], words[3]);
            case "validate":
                List<SecurityToken> valid = clients.get(words[1]).validateSecurityToken(tokens.get(words[2]));
                return new String[] {String.valueOf(valid.size())};
            case "transform":
                List<SecurityToken> made = clients.get(words[1]).validateSecurityToken(tokens.get(words[2]));
                SecurityToken first = made.get(0);
                tokens.put(words[3], first);
                return new String[] {
                    String.valueOf(made.size()), first.getId(), StaxUtils.toString(first.getToken())
                };
            case "renew":
                SecurityToken renewed = clients.get(words[1]).renewSecurityToken(tokens.get(words[2]));
                tokens.put(words[3], renewed);
                return new String[] {renewed.getId(), StaxUtils.toString(renewed.getToken())};
            case "cancel":
                boolean cancelled = clients.get(words[1]).cancelSecurityToken(tokens.get(words[2]));
                return new String[] {String.valueOf(cancelled)};
            case "converse": // under this context, until it ends
                clients.get(words[1]).getClient().getEndpoint().put(SecurityConstants.TOKEN, tokens.get(words[2]));
                return new String[] {};
            case "secret":
                return new String[] {Base64.getEncoder().encodeToString(tokens.get(words[1]).getSecret())};
            case "verify":
                return verify(tokens.get(words[1]), words[2]);
            case "publish":
                Map<String, Object> service = new HashMap<>();
                service.put(SecurityConstants.SIGNATURE_CRYPTO, trusting(words[5])); // it believes these signers alone
                service.put(SecurityConstants.RETURN_SECURITY_ERROR, true); // so that a test sees why it refuses
                GreetingService.publish(Integer.parseInt(words[1]), words[2], words[3], words[4], service);
                return new String[] {};
            case "greet":
                SecurityToken given = words.length > 3 ? tokens.get(words[3]) : null;
                return new String[] {GreetingService.call(words[2], clients.get(words[1]), given)};
            case "forge":
                tokens.put(words[2], forge(tokens.get(words[1]), words[3], words[4]));
                return new String[] {};
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

    /**
     * A client that reads everything from the WSDL, that asks for it by WS-MetadataExchange, or that has a policy alone;
     * or one that has only its secrets, and is told the rest by the policy of a service.
     */
    private static STSClient client(Map<String, String> options) throws Exception {
        Bus bus = BusFactory.newInstance().createBus();
        STSClient client = new STSClient(bus);
        if (options.containsKey("wsdl")) {
            client.setWsdlLocation(options.get("wsdl"));
            client.setServiceQName(new QName(options.get("targetNamespace"), "SecurityTokenService"));
            client.setEndpointQName(new QName(options.get("targetNamespace"), options.get("port")));
        } else if (options.containsKey("mex")) {
            if (options.get("soap").equals("1.1")) {
                client.setSoap11();
            }
            client.configureViaEPR(reference(options.get("location"), options.get("mex")), false);
        } else if (options.containsKey("location")) {
            // CXF's own idea of WS-Trust 1.3 has a collection as every answer; section 6 and 7 have one response.
            bus.setProperty("soap.no.validate.parts", true);
            client.setLocation(options.get("location"));
            client.setPolicy(StaxUtils.read(new FileInputStream(options.get("policy"))).getDocumentElement());
            if (options.get("soap").equals("1.2")) {
                client.setSoap12();
            } else {
                client.setSoap11();
            }
        }
        String trust = options.get("trust");
        client.setNamespace(trust);
        client.setTokenType(options.get("tokenType"));
        client.setKeyType(trust + "/" + options.getOrDefault("keyType", "Bearer"));
        if (options.containsKey("seconds")) {
            client.setEnableLifetime(true);
            client.setTtl(Integer.parseInt(options.get("seconds")));
        }
        client.setEnableAppliesTo(true);
        client.setSecureConv(options.containsKey("ofContext"));
        client.setAllowRenewing(Boolean.parseBoolean(options.get("renewing")));
        if (options.containsKey("claim")) {
            client.setClaims(StaxUtils.read(new java.io.StringReader(
                "<t:Claims xmlns:t='" + trust + "' Dialect='" + CLAIMS + "'><i:ClaimType xmlns:i='" + CLAIMS
                + "' Uri='" + options.get("claim") + "'/></t:Claims>")).getDocumentElement());
        }
        if (options.containsKey("template")) {
            client.setTemplate(StaxUtils.read(new java.io.StringReader(options.get("template"))).getDocumentElement());
            client.setTokenType(null);
            client.setSendKeyType(false);
        }
        Map<String, Object> properties = new HashMap<>();
        properties.put(SecurityConstants.USERNAME, options.get("user"));
        properties.put(SecurityConstants.PASSWORD, options.get("password"));
        if (options.containsKey("keys")) {
            properties.putAll(messageKeys(options));
        }
        options.forEach((name, value) -> {
            if (name.startsWith("ws-security.")) {
                properties.put(name, value.matches("[0-9]+") ? Integer.valueOf(value) : value);
            }
        });
        if (options.containsKey("conversing")) { // where a security context is established, with the same secrets
            Map.copyOf(properties).forEach((name, value) -> properties.put(name + ".sct", value));
            properties.put(Message.ENDPOINT_ADDRESS, options.get("conversing"));
        }
        client.setProperties(properties);
        if (options.containsKey("tlsKeys")) {
            client.setTlsClientParameters(clientCertificate(options.get("tlsKeys"), options.get("keysPassword")));
        }
        return client;
    }

    /** For messages that protect themselves: a store with the STS's certificate and, to sign with, a key of one's own. */
    private static Map<String, Object> messageKeys(Map<String, String> options) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(options.get("keys")), options.get("keysPassword").toCharArray());
        Merlin crypto = new Merlin();
        crypto.setKeyStore(store);
        Map<String, Object> properties = new HashMap<>();
        if (options.containsKey("encryptFor")) {
            properties.put(SecurityConstants.ENCRYPT_CRYPTO, crypto);
            properties.put(SecurityConstants.ENCRYPT_USERNAME, options.get("encryptFor"));
        }
        properties.put(SecurityConstants.SIGNATURE_CRYPTO, crypto);
        if (options.containsKey("signAs")) {
            properties.put(SecurityConstants.SIGNATURE_USERNAME, options.get("signAs"));
            properties.put(SecurityConstants.SIGNATURE_PASSWORD, options.get("keysPassword"));
        }
        CallbackHandler passwords = callbacks -> {
            for (Callback callback : callbacks) {
                ((WSPasswordCallback) callback).setPassword(options.get("keysPassword"));
            }
        };
        properties.put(SecurityConstants.CALLBACK_HANDLER, passwords);
        return properties;
    }

    /** TLS with a certificate of the client's own; whom it trusts stays as the JVM was told. */
    private static TLSClientParameters clientCertificate(String file, String password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(file), password.toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, password.toCharArray());
        TLSClientParameters parameters = new TLSClientParameters();
        parameters.setKeyManagers(keys.getKeyManagers());
        return parameters;
    }

    /** An endpoint reference as a relying party's policy has it for its issuer: an address, and where metadata is. */
    private static EndpointReferenceType reference(String address, String metadata) throws Exception {
        MetadataType found = new MetadataType();
        found.getAny().add(StaxUtils.read(new java.io.StringReader(
            "<m:Metadata xmlns:m='" + MEX + "'><m:MetadataSection Dialect='" + MEX + "'><m:MetadataReference>"
            + "<a:Address xmlns:a='http://www.w3.org/2005/08/addressing'>" + metadata + "</a:Address>"
            + "</m:MetadataReference></m:MetadataSection></m:Metadata>")).getDocumentElement());
        EndpointReferenceType reference = EndpointReferenceUtils.getEndpointReference(address);
        reference.setMetadata(found);
        return reference;
    }

    private String[] issue(STSClient client, String name, String appliesTo) throws Exception {
        SecurityToken token = client.requestSecurityToken(appliesTo);
        tokens.put(name, token);
        String left = String.valueOf(Duration.between(Instant.now(), token.getExpires()).toSeconds());
        return new String[] {token.getId(), token.getTokenType(), left, StaxUtils.toString(token.getToken())};
    }

    /** The token with one text in it exchanged for another, as good for an hour as its holder is concerned. */
    private static SecurityToken forge(SecurityToken token, String text, String other) throws Exception {
        String markup = StaxUtils.toString(token.getToken()).replace(">" + text + "<", ">" + other + "<");
        Instant now = Instant.now();
        SecurityToken forged = new SecurityToken(
            token.getId(), StaxUtils.read(new java.io.StringReader(markup)).getDocumentElement(), now, now.plusSeconds(3600));
        forged.setTokenType(token.getTokenType());
        return forged;
    }

    private static Merlin trusting(String certificates) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(new FileInputStream(certificates))) {
            store.setCertificateEntry("trusted" + number++, certificate);
        }
        Merlin crypto = new Merlin();
        crypto.setTrustStore(store);
        return crypto;
    }

    /** What a relying party that trusts the certificates of a PEM file does with the token. */
    private static String[] verify(SecurityToken token, String trusted) throws Exception {
        Merlin crypto = trusting(trusted);
        RequestData data = new RequestData();
        data.setSigVerCrypto(crypto);
        data.setWsDocInfo(new WSDocInfo(token.getToken().getOwnerDocument()));
        SamlAssertionWrapper assertion = new SamlAssertionWrapper(token.getToken());
        assertion.verifySignature(new WSSSAMLKeyInfoProcessor(data), crypto);
        assertion.parseSubject(new WSSSAMLKeyInfoProcessor(data), crypto);
        Credential credential = new Credential();
        credential.setSamlAssertion(assertion);
        new SamlAssertionValidator().validate(credential, data);
        return new String[] {assertion.getId(), assertion.getSubjectName(), assertion.getIssuerString()};
    }
}
