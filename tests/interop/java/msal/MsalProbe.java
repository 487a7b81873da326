import com.microsoft.aad.msal4j.HttpRequest;
import com.microsoft.aad.msal4j.HttpResponse;
import com.microsoft.aad.msal4j.IHttpClient;
import com.microsoft.aad.msal4j.IHttpResponse;
import com.microsoft.aad.msal4j.PublicClientApplication;
import com.microsoft.aad.msal4j.UserNamePasswordParameters;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * MSAL for Java, unmodified: a federated user's name and password.
 *
 * <p>{@code acquire AUTHORITY PORT USER PASSWORD}: the access token. The authority's host is found at PORT of loopback.
 */
public final class MsalProbe implements Lines.Client {
    /** Java's HTTP client, which finds the cloud by its name. */
    private record Client(HttpClient client, String cloud, String standIn) implements IHttpClient {
        @Override
        public IHttpResponse send(HttpRequest asked) throws IOException, InterruptedException {
            String url = asked.url().toString();
            URI address = URI.create(url.startsWith(cloud) ? standIn + url.substring(cloud.length()) : url);
            String body = asked.body() == null ? "" : asked.body();
            var request = java.net.http.HttpRequest.newBuilder(address)
                    .method(asked.httpMethod().name(), java.net.http.HttpRequest.BodyPublishers.ofString(body));
            if (asked.headers() != null) {
                asked.headers().forEach(request::header);
            }
            var answer = client.send(request.build(), java.net.http.HttpResponse.BodyHandlers.ofString());
            HttpResponse response = new HttpResponse().statusCode(answer.statusCode()).body(answer.body());
            response.addHeaders(Map.copyOf(answer.headers().map()));
            return response;
        }
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        URI authority = URI.create(words[1]);
        Client client = new Client(
                HttpClient.newHttpClient(), "https://" + authority.getHost() + "/", "https://localhost:" + words[2] + "/");
        // Another client each time: after a failure, MSAL lets the same one wait before it asks again.
        PublicClientApplication application = PublicClientApplication.builder(UUID.randomUUID().toString())
                .authority(authority.toString())
                .instanceDiscovery(false)
                .httpClient(client)
                .build();
        UserNamePasswordParameters parameters =
                UserNamePasswordParameters.builder(Set.of("user.read"), words[3], words[4].toCharArray()).build();
        return new String[] {application.acquireToken(parameters).get().accessToken()};
    }

    @Override
    public String code(Throwable cause) {
        return null;
    }

    public static void main(String[] arguments) throws IOException {
        Lines.serve(new MsalProbe());
    }
}
