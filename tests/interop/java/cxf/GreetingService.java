import java.io.FileInputStream;
import java.security.KeyStore;
import java.util.HashMap;
import java.util.Map;

import javax.net.ssl.KeyManagerFactory;
import javax.xml.namespace.QName;

import jakarta.annotation.Resource;
import jakarta.jws.WebService;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.WebServiceContext;

import org.apache.cxf.Bus;
import org.apache.cxf.BusFactory;
import org.apache.cxf.configuration.jsse.TLSServerParameters;
import org.apache.cxf.jaxws.EndpointImpl;
import org.apache.cxf.jaxws.JaxWsProxyFactoryBean;
import org.apache.cxf.transport.http_jetty.JettyHTTPServerEngineFactory;
import org.apache.cxf.ws.security.SecurityConstants;
import org.apache.cxf.ws.security.tokenstore.SecurityToken;
import org.apache.cxf.ws.security.trust.STSClient;

/** The service as a relying party: all that it asks of its callers is in the policy of its WSDL. */
@WebService(
    endpointInterface = "Greeting",
    targetNamespace = Greeting.NAMESPACE,
    serviceName = "GreetingService",
    portName = "GreetingPort")
public final class GreetingService implements Greeting {
    @Resource
    private WebServiceContext context;

    @Override
    public String greet(String salutation) {
        String greeting = salutation + " " + context.getUserPrincipal().getName();
        return context.isUserInRole("players") ? greeting + ", a player" : greeting;
    }

    /** Serves over TLS. Whose tokens it believes is in its properties. */
    static void publish(int port, String wsdl, String keys, String password, Map<String, Object> properties)
        throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(keys), password.toCharArray());
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, password.toCharArray());
        TLSServerParameters tls = new TLSServerParameters();
        tls.setKeyManagers(managers.getKeyManagers());
        Bus bus = BusFactory.newInstance().createBus();
        bus.getExtension(JettyHTTPServerEngineFactory.class).setTLSServerParametersForPort(port, tls);
        EndpointImpl endpoint = new EndpointImpl(bus, new GreetingService());
        endpoint.setWsdlLocation(wsdl);
        endpoint.setProperties(properties);
        endpoint.publish("https://localhost:" + port + "/greeting");
    }

    /** Calls the service as its WSDL says: with {@code given}, or with a token that {@code sts} gets where it says. */
    static String call(String address, STSClient sts, SecurityToken given) {
        Map<String, Object> properties = new HashMap<>();
        properties.put(SecurityConstants.STS_CLIENT, sts);
        if (given != null) {
            properties.put(SecurityConstants.TOKEN, given);
        }
        return call(address, properties);
    }

    /** Calls the service as its WSDL and these properties say. */
    static String call(String address, Map<String, Object> properties) {
        JaxWsProxyFactoryBean factory = new JaxWsProxyFactoryBean();
        factory.setBus(BusFactory.newInstance().createBus());
        factory.setServiceClass(Greeting.class);
        factory.setWsdlURL(address + "?wsdl");
        factory.setServiceName(new QName(Greeting.NAMESPACE, "GreetingService"));
        factory.setEndpointName(new QName(Greeting.NAMESPACE, "GreetingPort"));
        Greeting service = (Greeting) factory.create();
        ((BindingProvider) service).getRequestContext().putAll(properties);
        return service.greet("Hello");
    }
}
