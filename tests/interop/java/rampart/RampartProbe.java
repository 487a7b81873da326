import java.io.InputStream;
import java.io.StringReader;
import java.net.URL;
import java.util.HashMap;
import java.util.Map;

import javax.xml.namespace.QName;

import org.apache.axiom.om.OMAbstractFactory;
import org.apache.axiom.om.OMElement;
import org.apache.axiom.om.OMFactory;
import org.apache.axiom.om.OMXMLBuilderFactory;
import org.apache.axis2.AxisFault;
import org.apache.axis2.addressing.EndpointReference;
import org.apache.axis2.client.Options;
import org.apache.axis2.client.ServiceClient;
import org.apache.axis2.context.ConfigurationContext;
import org.apache.axis2.context.ConfigurationContextFactory;
import org.apache.axis2.engine.AxisConfiguration;
import org.apache.neethi.Policy;
import org.apache.neethi.PolicyEngine;
import org.apache.rahas.RahasConstants;
import org.apache.rahas.Token;
import org.apache.rahas.TrustException;
import org.apache.rahas.TrustUtil;
import org.apache.rahas.client.STSClient;
import org.apache.rampart.RampartMessageData;

/**
 * Apache Rampart's STSClient, and Axis2's ServiceClient with Rampart; the policy is the one in the WSDL.
 *
 * <p>Commands: {@code client NAME OPTION=VALUE...} (makes a client and names it), {@code issue NAME ADDRESS}, {@code
 * validate NAME ID} and {@code cancel NAME ID} of a token got before, {@code send NAME ACTION BODY}. The argument is
 * the repository of Axis2.
 */
public final class RampartProbe implements Lines.Client {
    private static final String POLICY = "http://schemas.xmlsoap.org/ws/2004/09/policy";

    /**
     * One way to the STS: what both kinds of client are made of. Each has a context, and so connections, of its own:
     * validateToken and cancelToken do not give theirs back, and a context has but two.
     */
    private record Way(ConfigurationContext context, Map<String, String> options, Policy policy) {
        String trust() {
            return options.get("trust");
        }

        String location() {
            return options.get("location");
        }

        Options credentials() {
            Options credentials = new Options();
            credentials.setUserName(options.get("user"));
            credentials.setPassword(options.get("password"));
            credentials.setProperty(RampartMessageData.KEY_RAMPART_POLICY, policy);
            return credentials;
        }
    }

    private final AxisConfiguration configuration;
    private final Map<String, Way> ways = new HashMap<>();

    private RampartProbe(AxisConfiguration configuration) {
        this.configuration = configuration;
    }

    public static void main(String[] arguments) throws Exception {
        ConfigurationContext context =
            ConfigurationContextFactory.createConfigurationContextFromFileSystem(arguments[0], null);
        Lines.serve(new RampartProbe(context.getAxisConfiguration()));
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        switch (words[0]) {
            case "client":
                Map<String, String> options = Lines.options(words);
                Policy policy = published(options.get("location"));
                ways.put(words[1], new Way(new ConfigurationContext(configuration), options, policy));
                return new String[] {};
            case "issue":
                return issue(ways.get(words[1]), words[2]);
            case "validate":
                return new String[] {validate(ways.get(words[1]), words[2])};
            case "cancel":
                return new String[] {cancel(ways.get(words[1]), words[2])};
            case "send":
                return new String[] {send(ways.get(words[1]), words[2], words[3])};
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    @Override
    public String code(Throwable cause) {
        if (!(cause instanceof AxisFault) || ((AxisFault) cause).getFaultCode() == null) {
            return null;
        }
        AxisFault fault = (AxisFault) cause;
        boolean subcode = fault.getFaultSubCodes() != null && !fault.getFaultSubCodes().isEmpty();
        return (subcode ? fault.getFaultSubCodes().get(0) : fault.getFaultCode()).toString();
    }

    /** STSClient's own exception says where it asked; its cause says what the STS answered. */
    @Override
    public String text(Throwable failure) {
        return failure instanceof TrustException && failure.getCause() != null
            ? failure.getCause().getMessage() : failure.getMessage();
    }

    private static Policy published(String location) throws Exception {
        try (InputStream stream = new URL(location + "?wsdl").openStream()) {
            OMElement wsdl = OMXMLBuilderFactory.createOMBuilder(stream).getDocumentElement();
            return PolicyEngine.getPolicy(wsdl.getFirstChildWithName(new QName(POLICY, "Policy")));
        }
    }

    private static STSClient client(Way way, String operation) throws Exception {
        STSClient client = new STSClient(way.context());
        boolean first = way.trust().equals(TrustUtil.getWSTNamespace(RahasConstants.VERSION_05_02));
        client.setVersion(first ? RahasConstants.VERSION_05_02 : RahasConstants.VERSION_05_12);
        client.setSoapVersion(way.options().get("envelope"));
        client.setAction(way.trust() + "/RST/" + operation);
        client.setOptions(way.credentials());
        if (way.options().containsKey("addressing")) {
            client.setAddressingNs(way.options().get("addressing"));
        }
        return client;
    }

    private static String[] issue(Way way, String address) throws Exception {
        STSClient client = client(way, "Issue");
        OMFactory elements = OMAbstractFactory.getOMFactory();
        OMElement template = elements.createOMElement(new QName(way.trust(), "RequestSecurityTokenTemplate"));
        for (String name : new String[] {"TokenType", "KeyType"}) {
            OMElement element = elements.createOMElement(new QName(way.trust(), name), template);
            element.setText(way.options().get(name));
        }
        client.setRstTemplate(template);
        Token token = client.requestSecurityToken(null, way.location(), way.policy(), address);
        TrustUtil.getTokenStore(way.context()).add(token);
        long seconds = (token.getExpires().getTime() - token.getCreated().getTime()) / 1000;
        return new String[] {token.getId(), String.valueOf(seconds), token.getToken().toString()};
    }

    private static String validate(Way way, String identifier) throws Exception {
        return String.valueOf(client(way, "Validate").validateToken(identifier, way.location(), way.policy()));
    }

    private static String cancel(Way way, String identifier) throws Exception {
        return String.valueOf(client(way, "Cancel").cancelToken(way.location(), identifier, null));
    }

    private static String send(Way way, String action, String body) throws Exception {
        ServiceClient client = new ServiceClient(way.context(), null);
        Options options = way.credentials();
        options.setTo(new EndpointReference(way.location()));
        options.setAction(action);
        options.setSoapVersionURI(way.options().get("envelope"));
        client.setOptions(options);
        client.engageModule("addressing");
        client.engageModule("rampart");
        OMElement content = OMXMLBuilderFactory.createOMBuilder(new StringReader(body)).getDocumentElement();
        try {
            return client.sendReceive(content).toString();
        } finally {
            client.cleanupTransport();
        }
    }
}
