import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;

import javax.net.ssl.KeyManagerFactory;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.parsers.DocumentBuilderFactory;

import jakarta.xml.ws.soap.SOAPBinding;

import org.apache.cxf.Bus;
import org.apache.cxf.BusFactory;
import org.apache.cxf.configuration.jsse.TLSServerParameters;
import org.apache.cxf.jaxws.EndpointImpl;
import org.apache.cxf.rt.security.SecurityConstants;
import org.apache.cxf.sts.SignatureProperties;
import org.apache.cxf.sts.StaticSTSProperties;
import org.apache.cxf.sts.operation.AbstractOperation;
import org.apache.cxf.sts.operation.TokenIssueOperation;
import org.apache.cxf.sts.operation.TokenValidateOperation;
import org.apache.cxf.sts.service.StaticService;
import org.apache.cxf.sts.token.provider.SAMLTokenProvider;
import org.apache.cxf.sts.token.provider.SCTProvider;
import org.apache.cxf.sts.token.validator.SAMLTokenValidator;
import org.apache.cxf.sts.token.validator.SCTValidator;
import org.apache.cxf.transport.http_jetty.JettyHTTPServerEngineFactory;
import org.apache.cxf.ws.addressing.WSAddressingFeature;
import org.apache.cxf.ws.policy.WSPolicyFeature;
import org.apache.cxf.ws.security.sts.provider.SecurityTokenServiceProvider;
import org.apache.cxf.ws.security.tokenstore.MemoryTokenStore;
import org.apache.wss4j.common.crypto.CryptoFactory;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.apache.wss4j.common.saml.bean.AttributeBean;
import org.apache.wss4j.common.saml.bean.AttributeStatementBean;
import org.apache.wss4j.common.saml.bean.AuthenticationStatementBean;
import org.w3c.dom.Element;

/**
 * The STS of Apache CXF on its own Jetty, set up to give the token that the STS beside it gives.
 *
 * <p>{@code CxfSts PORT DIRECTORY}: the directory holds {@code tls.p12} and {@code signing.p12} (PKCS#12, one RSA-2048
 * key each, password {@code changeit}), and one policy document for each endpoint to serve: {@code NAME.xml} is served
 * at {@code /sts/NAME}. Messages are protected with the key of {@code signing.p12}, too, and clients' certificates are
 * those in {@code clients.p12}, where that is. Passwords are compared as they are, and nothing of a token is kept
 * but security contexts.
 */
public final class CxfSts {
    private static final String STORE_PASSWORD = "changeit";
    private static final String EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
    private static final String ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
    private static final Map<String, String> PASSWORDS = Map.of("alice", "clarinet", "signing", STORE_PASSWORD);

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        Path directory = Path.of(arguments[1]);
        Bus bus = BusFactory.getDefaultBus();
        bus.getExtension(JettyHTTPServerEngineFactory.class).setTLSServerParametersForPort(port, tls(directory));
        SecurityTokenServiceProvider operations = operations(directory);
        for (String policy : directory.toFile().list((folder, name) -> name.endsWith(".xml"))) {
            String address = "https://localhost:" + port + "/sts/" + policy.replace(".xml", "");
            serve(bus, operations, address, parse(directory.resolve(policy)), directory);
        }
        System.out.println("CxfSts is ready");
    }

    private static void serve(
            Bus bus, SecurityTokenServiceProvider operations, String address, Element policy, Path directory) {
        WSPolicyFeature policies = new WSPolicyFeature();
        policies.setPolicyElements(List.of(policy));
        EndpointImpl endpoint = new EndpointImpl(bus, operations, SOAPBinding.SOAP12HTTP_BINDING);
        endpoint.setFeatures(List.of(policies, new WSAddressingFeature()));
        endpoint.setProperties(security(directory));
        endpoint.publish(address);
    }

    /** Passwords, and what message security needs: one key for messages and tokens, and whose certificates count. */
    private static Map<String, Object> security(Path directory) {
        Properties keys = signingStore(directory);
        Path clients = directory.resolve("clients.p12");
        if (clients.toFile().exists()) {
            String merlin = "org.apache.wss4j.crypto.merlin.truststore.";
            keys.put(merlin + "type", "pkcs12");
            keys.put(merlin + "password", STORE_PASSWORD);
            keys.put(merlin + "file", clients.toString());
        }
        return Map.of(
                SecurityConstants.CALLBACK_HANDLER, (CallbackHandler) CxfSts::givePasswords,
                SecurityConstants.SIGNATURE_PROPERTIES, keys,
                SecurityConstants.SIGNATURE_USERNAME, "signing",
                SecurityConstants.ENCRYPT_PROPERTIES, keys,
                SecurityConstants.ENCRYPT_USERNAME, "useReqSigCert");
    }

    private static SecurityTokenServiceProvider operations(Path directory) throws Exception {
        StaticSTSProperties properties = new StaticSTSProperties();
        properties.setIssuer("https://sts.example.test");
        properties.setSignatureUsername("signing");
        properties.setCallbackHandler(CxfSts::givePasswords);
        properties.setSignatureCrypto(CryptoFactory.getInstance(signingStore(directory)));
        properties.setEncryptionCrypto(properties.getSignatureCrypto());
        properties.setEncryptionUsername("signing"); // secrets in tokens are for this key
        properties.setValidateUseKey(false); // public keys are taken without a certificate
        SignatureProperties signature = new SignatureProperties();
        signature.setSignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
        properties.setSignatureProperties(signature);

        SAMLTokenProvider saml = new SAMLTokenProvider();
        saml.setAttributeStatementProviders(List.of(parameters -> attributes()));
        saml.setAuthenticationStatementProviders(List.of(parameters -> authentication()));
        StaticService relyingParty = new StaticService();
        relyingParty.setEndpoints(List.of("https://rp\\.example\\.test/svc"));

        MemoryTokenStore contexts = new MemoryTokenStore();
        TokenIssueOperation issue = new TokenIssueOperation();
        TokenValidateOperation validate = new TokenValidateOperation();
        for (AbstractOperation operation : List.of(issue, validate)) {
            operation.setStsProperties(properties);
            operation.setServices(List.of(relyingParty));
            operation.setTokenStore(contexts);
        }
        issue.setTokenProviders(List.of(saml, new SCTProvider()));
        validate.setTokenValidators(List.of(new SAMLTokenValidator(), new SCTValidator()));
        SecurityTokenServiceProvider provider = new SecurityTokenServiceProvider();
        provider.setIssueOperation(issue);
        provider.setValidateOperation(validate);
        return provider;
    }

    private static AttributeStatementBean attributes() {
        AttributeStatementBean statement = new AttributeStatementBean();
        statement.setSamlAttributes(List.of(
                new AttributeBean(null, EMAIL, List.of("alice@example.test")),
                new AttributeBean(null, "department", List.of("music", "brass")),
                new AttributeBean(null, ROLE, List.of("players"))));
        return statement;
    }

    private static AuthenticationStatementBean authentication() {
        AuthenticationStatementBean statement = new AuthenticationStatementBean();
        statement.setAuthenticationMethod("Password");
        statement.setAuthenticationInstant(Instant.now());
        return statement;
    }

    /** Of users, and of the signing key. */
    private static void givePasswords(Callback[] callbacks) {
        for (Callback callback : callbacks) {
            if (callback instanceof WSPasswordCallback) {
                WSPasswordCallback asked = (WSPasswordCallback) callback;
                asked.setPassword(PASSWORDS.get(asked.getIdentifier()));
            }
        }
    }

    private static Properties signingStore(Path directory) {
        String merlin = "org.apache.wss4j.crypto.merlin.keystore.";
        Properties store = new Properties();
        store.put("org.apache.wss4j.crypto.provider", "org.apache.wss4j.common.crypto.Merlin");
        store.put(merlin + "type", "pkcs12");
        store.put(merlin + "password", STORE_PASSWORD);
        store.put(merlin + "file", directory.resolve("signing.p12").toString());
        return store;
    }

    private static TLSServerParameters tls(Path directory) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream octets = new FileInputStream(directory.resolve("tls.p12").toFile())) {
            store.load(octets, STORE_PASSWORD.toCharArray());
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, STORE_PASSWORD.toCharArray());
        TLSServerParameters parameters = new TLSServerParameters();
        parameters.setKeyManagers(keys.getKeyManagers());
        return parameters;
    }

    private static Element parse(Path document) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().parse(document.toFile()).getDocumentElement();
    }
}
