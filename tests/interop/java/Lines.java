import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * How a test tells a Java client what to do, so that one JVM serves many tests.
 *
 * <p>A line of words is a command; it gets one line back: {@code ok ...}, or {@code fault CODE TEXT}. Words and fields
 * are apart by tabs.
 */
final class Lines {
    interface Client {
        /** The fields of the answer to a command. Throws what the client under test throws. */
        String[] answer(String[] words) throws Exception;

        /** The code that the STS gave, in Clark notation, or null where none of it came from the STS. */
        String code(Throwable cause);

        /** The text for the caller. */
        default String text(Throwable failure) {
            return failure.getMessage();
        }
    }

    private Lines() {
    }

    static void serve(Client client) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(answer(client, line.split("\t")));
            System.out.flush();
        }
    }

    private static String answer(Client client, String[] words) {
        try {
            return String.join("\t", "ok", String.join("\t", client.answer(words)));
        } catch (Exception failure) {
            failure.printStackTrace();
            String text = String.valueOf(client.text(failure)).replaceAll("\\s+", " ");
            return String.join("\t", "fault", code(client, failure), text);
        }
    }

    private static String code(Client client, Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String code = client.code(cause);
            if (code != null) {
                return code;
            }
        }
        return failure.getClass().getSimpleName();
    }

    /** The words {@code NAME=VALUE} from the third on. */
    static Map<String, String> options(String[] words) {
        Map<String, String> options = new HashMap<>();
        for (int index = 2; index < words.length; index++) {
            String[] pair = words[index].split("=", 2);
            options.put(pair[0], pair[1]);
        }
        return options;
    }
}
