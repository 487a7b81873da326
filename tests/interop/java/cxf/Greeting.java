import jakarta.jws.WebMethod;
import jakarta.jws.WebParam;
import jakarta.jws.WebResult;
import jakarta.jws.WebService;
import jakarta.jws.soap.SOAPBinding;

/** A service that tells its callers who they are. */
@WebService(name = "Greeting", targetNamespace = Greeting.NAMESPACE)
@SOAPBinding(parameterStyle = SOAPBinding.ParameterStyle.BARE)
public interface Greeting {
    String NAMESPACE = "urn:greeting";

    @WebMethod
    @WebResult(name = "greeting", targetNamespace = NAMESPACE)
    String greet(@WebParam(name = "greet", targetNamespace = NAMESPACE) String salutation);
}
