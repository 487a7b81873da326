import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

import jakarta.xml.soap.MessageFactory;
import jakarta.xml.soap.SOAPConstants;

import org.apache.cxf.ws.security.SecurityConstants;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.support.FileSystemXmlApplicationContext;
import org.springframework.ws.context.DefaultMessageContext;
import org.springframework.ws.context.MessageContext;
import org.springframework.ws.soap.saaj.SaajSoapMessageFactory;
import org.springframework.ws.soap.security.wss4j2.Wss4jSecurityInterceptor;

/**
 * Spring, with the configuration that {@code wstrust-sts relying-party snippet} prints.
 *
 * <p>Commands: {@code beans FILE USER PASSWORD} reads Spring beans for CXF; {@code publish ADDRESS WSDL KEYS PASSWORD}
 * and {@code greet ADDRESS} are the service and the client that they configure. {@code intercept [TOKEN]} (Base64) gives
 * a message with the token to the interceptor of the class StsConfiguration.
 */
public final class SpringProbe implements Lines.Client {
    private static final String WSSE =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    private static final String WSU =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

    private FileSystemXmlApplicationContext beans;

    public static void main(String[] arguments) throws Exception {
        Lines.serve(new SpringProbe());
        System.exit(0); // the threads of the services that were published would go on
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        switch (words[0]) {
            case "beans":
                System.setProperty("sts.username", words[2]);
                System.setProperty("sts.password", words[3]);
                beans = new FileSystemXmlApplicationContext("file:" + words[1]);
                return new String[] {};
            case "publish":
                Map<String, Object> service = properties("serviceProperties");
                service.put(SecurityConstants.RETURN_SECURITY_ERROR, true); // so that a test sees why it refuses
                GreetingService.publish(words[1], words[2], words[3], words[4], service);
                return new String[] {};
            case "greet":
                return new String[] {GreetingService.call(words[1] + "?wsdl", properties("clientProperties"))};
            case "intercept":
                byte[] token = words.length > 1 ? Base64.getDecoder().decode(words[1]) : new byte[0];
                return new String[] {String.valueOf(intercept(new String(token, StandardCharsets.UTF_8)))};
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    @Override
    public String code(Throwable cause) {
        return null;
    }

    @SuppressWarnings("unchecked")
    private Map<String, Object> properties(String name) {
        return new HashMap<>(beans.getBean(name, Map.class));
    }

    /** Whether the request goes on to the service. */
    private static boolean intercept(String token) throws Exception {
        try (var context = new AnnotationConfigApplicationContext(Class.forName("StsConfiguration"))) {
            Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
            String request = "<e:Envelope xmlns:e='" + SOAPConstants.URI_NS_SOAP_1_1_ENVELOPE + "'><e:Header>"
                + "<o:Security xmlns:o='" + WSSE + "' e:mustUnderstand='1'><u:Timestamp xmlns:u='" + WSU + "'><u:Created>"
                + now + "</u:Created><u:Expires>" + now.plusSeconds(60) + "</u:Expires></u:Timestamp>" + token
                + "</o:Security></e:Header><e:Body><greet xmlns='urn:greeting'/></e:Body></e:Envelope>";
            SaajSoapMessageFactory messages =
                new SaajSoapMessageFactory(MessageFactory.newInstance(SOAPConstants.SOAP_1_1_PROTOCOL));
            MessageContext exchange = new DefaultMessageContext(
                messages.createWebServiceMessage(new ByteArrayInputStream(request.getBytes(StandardCharsets.UTF_8))),
                messages);
            return context.getBean(Wss4jSecurityInterceptor.class).handleRequest(exchange, null);
        }
    }
}
