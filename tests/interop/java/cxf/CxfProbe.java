import java.io.FileInputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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

/**
 * Apache CXF's STSClient.
 *
 * <p>Commands: {@code client NAME OPTION=VALUE...} (makes a client and names it), {@code tell CLIENT OPTION=VALUE...}
 * (what it asks for from now on), {@code actAs} and {@code onBehalfOf CLIENT TOKEN} (or markup: for whom it does); {@code
 * issue CLIENT TOKEN ADDRESS}, {@code validate CLIENT TOKEN} and {@code cancel CLIENT TOKEN}; {@code transform} and {@code
 * renew CLIENT TOKEN MADE}. To issue, renew and cancel may have one word more: the token that is the credential, where
 * the endpoint asks for one. {@code secret TOKEN}; {@code verify TOKEN CERTIFICATES} and {@code confirm TOKEN
 * OPTION=VALUE...} ({@link RelyingParty}); {@code forge TOKEN MADE TEXT OTHER} and {@code rekey MADE OPTION=VALUE...}
 * ({@link HeldTokens}). {@code publish ADDRESS OPTION=VALUE...} serves {@link GreetingService}, and {@code greet CLIENT
 * OPTION=VALUE...} calls it. Options that name keys are those of {@link Keys}.
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
            case "tell":
                tell(clients.get(words[1]), Lines.options(words));
                return new String[] {};
            case "issue":
                return issue(showing(words, 4), words[2], words[3]);
            case "actAs":
                clients.get(words[1]).setActAs(shown(words[2]));
                return new String[] {};
            case "onBehalfOf":
                clients.get(words[1]).setOnBehalfOf(shown(words[2]));
                return new String[] {};
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
                SecurityToken renewed = showing(words, 4).renewSecurityToken(tokens.get(words[2]));
                tokens.put(words[3], renewed);
                return new String[] {renewed.getId(), StaxUtils.toString(renewed.getToken())};
            case "cancel":
                boolean cancelled = showing(words, 3).cancelSecurityToken(tokens.get(words[2]));
                return new String[] {String.valueOf(cancelled)};
            case "converse": // under this context, until it ends
                clients.get(words[1]).getClient().getEndpoint().put(SecurityConstants.TOKEN, tokens.get(words[2]));
                return new String[] {};
            case "secret":
                byte[] secret = tokens.get(words[1]).getSecret();
                return new String[] {secret == null ? "" : RelyingParty.encoded(secret)};
            case "verify":
                return RelyingParty.verify(tokens.get(words[1]), Map.of("trusted", words[2]));
            case "confirm":
                return RelyingParty.confirm(tokens.get(words[1]), Lines.options(words));
            case "publish":
                publish(words[1], Lines.options(words));
                return new String[] {};
            case "greet":
                return new String[] {greet(clients.get(words[1]), Lines.options(words))};
            case "forge":
                tokens.put(words[2], HeldTokens.forge(tokens.get(words[1]), words[3], words[4]));
                return new String[] {};
            case "rekey":
                Map<String, String> key = Lines.options(words);
                tokens.put(words[1], HeldTokens.rekey(tokens.get(key.get("token")), key));
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
        client.setKeyType(trust + "/Bearer");
        tell(client, options);
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
        Map<String, Object> properties = Keys.properties(options);
        if (options.containsKey("user")) {
            properties.put(SecurityConstants.USERNAME, options.get("user"));
            properties.put(SecurityConstants.PASSWORD, options.get("password"));
        }
        if (options.containsKey("conversing")) { // where a security context is established, with the same secrets
            Map.copyOf(properties).forEach((name, value) -> properties.put(name + ".sct", value));
            properties.put(Message.ENDPOINT_ADDRESS, options.get("conversing"));
        }
        client.setProperties(properties);
        if (options.containsKey("tlsKeys")) {
            // Whom it trusts stays as the JVM was told.
            TLSClientParameters parameters = new TLSClientParameters();
            parameters.setKeyManagers(Keys.managers(options.get("tlsKeys"), options.get("keysPassword")));
            client.setTlsClientParameters(parameters);
        }
        return client;
    }

    /** The client that the command names, with the token, if any, that stands at this place of it as its credential. */
    private STSClient showing(String[] words, int place) {
        STSClient client = clients.get(words[1]);
        if (words.length > place) {
            client.getProperties().put(SecurityConstants.TOKEN, tokens.get(words[place]));
        }
        return client;
    }

    private static void tell(STSClient client, Map<String, String> options) {
        if (options.containsKey("tokenType")) {
            client.setTokenType(options.get("tokenType"));
        }
        if (options.containsKey("keyType")) {
            client.setKeyType(options.get("keyType"));
        }
        if (options.containsKey("requiresEntropy")) {
            client.setRequiresEntropy(Boolean.parseBoolean(options.get("requiresEntropy")));
        }
        if (options.containsKey("keySize")) {
            client.setKeySize(Integer.parseInt(options.get("keySize")));
        }
        if (options.containsKey("useCertificate")) {
            client.setUseCertificateForConfirmationKeyInfo(Boolean.parseBoolean(options.get("useCertificate")));
        }
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

    private static void publish(String address, Map<String, String> options) throws Exception {
        Map<String, Object> properties = Keys.properties(options);
        properties.put(SecurityConstants.RETURN_SECURITY_ERROR, true); // so that a test sees why it refuses
        String password = options.get("keysPassword");
        GreetingService.publish(address, options.get("wsdl"), options.get("tlsKeys"), password, properties);
    }

    /** With the {@code token} of that name, or with one that the client gets where the service says. */
    private String greet(STSClient client, Map<String, String> options) throws Exception {
        Map<String, Object> properties = Keys.properties(options);
        properties.put(SecurityConstants.STS_CLIENT, client);
        if (options.containsKey("token")) {
            properties.put(SecurityConstants.TOKEN, tokens.get(options.get("token")));
        }
        return GreetingService.call(options.get("wsdl"), properties);
    }

    private String[] issue(STSClient client, String name, String appliesTo) throws Exception {
        SecurityToken token = client.requestSecurityToken(appliesTo);
        tokens.put(name, token);
        String left = String.valueOf(Duration.between(Instant.now(), token.getExpires()).toSeconds());
        return new String[] {token.getId(), token.getTokenType(), left, StaxUtils.toString(token.getToken())};
    }

    /** The token of that name; or what is no name of a token, as markup. */
    private Object shown(String name) {
        return tokens.containsKey(name) ? tokens.get(name).getToken() : name;
    }
}
