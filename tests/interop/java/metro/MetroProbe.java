import java.io.FileInputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URL;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;

import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Source;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import javax.xml.transform.stream.StreamSource;

import com.sun.xml.ws.api.security.trust.Claims;
import com.sun.xml.ws.api.security.trust.Status;
import com.sun.xml.ws.api.security.trust.client.IssuedTokenManager;
import com.sun.xml.ws.api.security.trust.client.STSIssuedTokenConfiguration;
import com.sun.xml.ws.security.IssuedTokenContext;
import com.sun.xml.ws.security.trust.GenericToken;
import com.sun.xml.ws.security.trust.WSTrustElementFactory;
import com.sun.xml.ws.security.trust.WSTrustVersion;
import com.sun.xml.ws.security.trust.impl.client.DefaultSTSIssuedTokenConfiguration;
import com.sun.xml.ws.security.trust.impl.client.SecondaryIssuedTokenParametersImpl;
import com.sun.xml.wss.XWSSConstants;
import jakarta.xml.soap.SOAPConstants;
import jakarta.xml.soap.SOAPFault;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Dispatch;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.soap.SOAPFaultException;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/**
 * Metro, by its own STS client and as a plain JAX-WS client that keeps to the policy in the WSDL.
 *
 * <p>Commands: {@code client NAME OPTION=VALUE...} (makes a client and names it), {@code issue NAME ADDRESS}, {@code
 * validate NAME TOKEN} with the token's markup, {@code send NAME ACTION BODY}.
 */
public final class MetroProbe implements Lines.Client {
    private static final String SERVICE = "SecurityTokenService";

    private final Map<String, DefaultSTSIssuedTokenConfiguration> clients = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Lines.serve(new MetroProbe());
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        switch (words[0]) {
            case "client":
                clients.put(words[1], configuration(Lines.options(words)));
                return new String[] {};
            case "issue":
                return issue(clients.get(words[1]), words[2]);
            case "validate":
                return new String[] {validate(clients.get(words[1]), element(words[2]))};
            case "send":
                return new String[] {send(clients.get(words[1]), words[2], words[3])};
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    @Override
    public String code(Throwable cause) {
        if (!(cause instanceof SOAPFaultException)) {
            return null;
        }
        SOAPFault fault = ((SOAPFaultException) cause).getFault();
        QName code = fault.getFaultCodeAsQName();
        boolean subcodes = code.getNamespaceURI().equals(SOAPConstants.URI_NS_SOAP_1_2_ENVELOPE);
        return (subcodes ? fault.getFaultSubcodes().next() : code).toString();
    }

    /** JAX-WS puts words of its own around that of the STS. */
    @Override
    public String text(Throwable failure) {
        return failure instanceof SOAPFaultException
            ? ((SOAPFaultException) failure).getFault().getFaultString() : failure.getMessage();
    }

    /** All that Metro knows of an STS: from its WSDL and the names in it, or from what WS-MetadataExchange brings. */
    private static DefaultSTSIssuedTokenConfiguration configuration(Map<String, String> options) throws Exception {
        String trust = options.get("trust");
        String location = options.get("location");
        DefaultSTSIssuedTokenConfiguration configuration = options.containsKey("mex")
            ? new DefaultSTSIssuedTokenConfiguration(trust, location, options.get("mex"))
            : new DefaultSTSIssuedTokenConfiguration(
                trust, location, location + "?wsdl", SERVICE, options.get("port"), options.get("targetNamespace"));
        if (options.containsKey("secondary")) {
            SecondaryIssuedTokenParametersImpl secondary = new SecondaryIssuedTokenParametersImpl();
            secondary.setTokenType(options.get("tokenType"));
            secondary.setKeyType(options.get("keyType"));
            secondary.setCanonicalizationAlgorithm("http://www.w3.org/2001/10/xml-exc-c14n#");
            secondary.setEncryptionAlgorithm("http://www.w3.org/2001/04/xmlenc#aes256-cbc");
            configuration.setSecondaryIssuedTokenParameters(secondary);
        } else {
            configuration.setTokenType(options.get("tokenType"));
            configuration.setKeyType(options.get("keyType"));
        }
        if (options.containsKey("claims")) {
            WSTrustElementFactory elements = WSTrustElementFactory.newInstance(WSTrustVersion.getInstance(trust));
            Claims claims = elements.createClaims(element(options.get("claims")));
            configuration.setClaims(claims);
        }
        configuration.getOtherOptions().put(XWSSConstants.USERNAME_PROPERTY, options.get("user"));
        configuration.getOtherOptions().put(XWSSConstants.PASSWORD_PROPERTY, options.get("password"));
        if (options.containsKey("encryptFor")) { // for messages that protect themselves
            CertificateFactory certificates = CertificateFactory.getInstance("X.509");
            configuration.getOtherOptions().put(
                XWSSConstants.SERVER_CERTIFICATE_PROPERTY,
                certificates.generateCertificate(new FileInputStream(options.get("encryptFor"))));
        }
        if (options.containsKey("keys")) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            char[] password = options.get("keysPassword").toCharArray();
            store.load(new FileInputStream(options.get("keys")), password);
            configuration.getOtherOptions().put(XWSSConstants.CERTIFICATE_PROPERTY, store.getCertificate("own"));
            configuration.getOtherOptions().put(XWSSConstants.PRIVATEKEY_PROPERTY, store.getKey("own", password));
        }
        return configuration;
    }

    private static String[] issue(STSIssuedTokenConfiguration configuration, String address) throws Exception {
        IssuedTokenContext context = IssuedTokenManager.getInstance().createIssuedTokenContext(configuration, address);
        IssuedTokenManager.getInstance().getIssuedToken(context);
        long seconds = (context.getExpirationTime().getTime() - context.getCreationTime().getTime()) / 1000;
        Element token = (Element) context.getSecurityToken().getTokenValue();
        return new String[] {String.valueOf(seconds), markup(new DOMSource(token))};
    }

    private static String validate(STSIssuedTokenConfiguration configuration, Element token) throws Exception {
        IssuedTokenContext context = IssuedTokenManager.getInstance().createIssuedTokenContext(configuration, null);
        context.setTarget(new GenericToken(token));
        IssuedTokenManager.getInstance().validateIssuedToken(context);
        return ((Status) context.getOtherProperties().get(IssuedTokenContext.STATUS)).getCode();
    }

    private static String send(STSIssuedTokenConfiguration configuration, String action, String body) throws Exception {
        String namespace = configuration.getSTSNamespace();
        Service service = Service.create(new URL(configuration.getSTSWSDLLocation()), new QName(namespace, SERVICE));
        QName port = new QName(namespace, configuration.getSTSPortName());
        Dispatch<Source> dispatch = service.createDispatch(port, Source.class, Service.Mode.PAYLOAD);
        dispatch.getRequestContext().putAll(configuration.getOtherOptions());
        dispatch.getRequestContext().put(BindingProvider.SOAPACTION_USE_PROPERTY, true);
        dispatch.getRequestContext().put(BindingProvider.SOAPACTION_URI_PROPERTY, action);
        return markup(dispatch.invoke(new StreamSource(new StringReader(body))));
    }

    private static Element element(String markup) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().parse(new InputSource(new StringReader(markup))).getDocumentElement();
    }

    private static String markup(Source source) throws Exception {
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        StringWriter writer = new StringWriter();
        transformer.transform(source, new StreamResult(writer));
        return writer.toString();
    }
}
