import java.net.URI;
import java.util.HashMap;
import java.util.Map;

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

/** The service as a relying party: all that it asks of its callers is in the policy of its WSDL. */
@WebService(
    endpointInterface = "Greeting",
    targetNamespace = Greeting.NAMESPACE,
    serviceName = "GreetingService",
    portName = "GreetingPort")
public final class GreetingService implements Greeting {
    private static final Map<Integer, Bus> BUSES = new HashMap<>(); // one for all services at a port

    @Resource
    private WebServiceContext context;

    @Override
    public String greet(String salutation) {
        String greeting = salutation + " " + context.getUserPrincipal().getName();
        return context.isUserInRole("players") ? greeting + ", a player" : greeting;
    }

    /** Serves over TLS with the key in a store. Whose tokens it believes is in its properties. */
    static void publish(String address, String wsdl, String keys, String password, Map<String, Object> properties)
        throws Exception {
        int port = URI.create(address).getPort();
        if (!BUSES.containsKey(port)) {
            TLSServerParameters tls = new TLSServerParameters();
            tls.setKeyManagers(Keys.managers(keys, password));
            Bus bus = BusFactory.newInstance().createBus();
            bus.getExtension(JettyHTTPServerEngineFactory.class).setTLSServerParametersForPort(port, tls);
            BUSES.put(port, bus);
        }
        EndpointImpl endpoint = new EndpointImpl(BUSES.get(port), new GreetingService());
        endpoint.setWsdlLocation(wsdl);
        endpoint.setProperties(properties);
        endpoint.publish(address);
    }

    /** Calls the service as its WSDL and these properties say. */
    static String call(String wsdl, Map<String, Object> properties) {
        JaxWsProxyFactoryBean factory = new JaxWsProxyFactoryBean();
        factory.setBus(BusFactory.newInstance().createBus());
        factory.setServiceClass(Greeting.class);
        factory.setWsdlURL(wsdl);
        factory.setServiceName(new QName(Greeting.NAMESPACE, "GreetingService"));
        factory.setEndpointName(new QName(Greeting.NAMESPACE, "GreetingPort"));
        Greeting service = (Greeting) factory.create();
        ((BindingProvider) service).getRequestContext().putAll(properties);
        return service.greet("Hello");
    }
}
