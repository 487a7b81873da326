import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.Map;

import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;

import org.apache.cxf.ws.security.SecurityConstants;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;

/** The options of a test that name keys, as the properties by which CXF knows them. */
final class Keys {
    private Keys() {
    }

    /**
     * Of an STSClient, of a service and of its client. {@code keys} is a PKCS#12 store with a key of one's own and the
     * certificate of whom one talks to, {@code keysPassword} its password; {@code encryptFor}, {@code signAs} and {@code
     * bindTo} (what a token of the type PublicKey is to be bound to) are aliases in it. {@code trusted} is a PEM file.
     * What begins with {@code ws-security.} is CXF's own.
     */
    static Map<String, Object> properties(Map<String, String> options) throws Exception {
        Map<String, Object> properties = new HashMap<>();
        Merlin crypto = crypto(options);
        if (options.containsKey("keys") || options.containsKey("trusted")) {
            properties.put(SecurityConstants.SIGNATURE_CRYPTO, crypto);
        }
        if (options.containsKey("encryptFor")) {
            properties.put(SecurityConstants.ENCRYPT_CRYPTO, crypto);
            properties.put(SecurityConstants.ENCRYPT_USERNAME, options.get("encryptFor"));
        }
        if (options.containsKey("signAs")) {
            properties.put(SecurityConstants.SIGNATURE_USERNAME, options.get("signAs"));
            properties.put(SecurityConstants.SIGNATURE_PASSWORD, options.get("keysPassword"));
        }
        if (options.containsKey("bindTo")) {
            properties.put(SecurityConstants.STS_TOKEN_CRYPTO, crypto);
            properties.put(SecurityConstants.STS_TOKEN_USERNAME, options.get("bindTo"));
        }
        properties.put(SecurityConstants.CALLBACK_HANDLER, passwords(options));
        options.forEach((name, value) -> {
            if (name.startsWith("ws-security.")) {
                properties.put(name, value.matches("[0-9]+") ? Integer.valueOf(value) : value);
            }
        });
        return properties;
    }

    static CallbackHandler passwords(Map<String, String> options) {
        return callbacks -> {
            for (Callback callback : callbacks) {
                ((WSPasswordCallback) callback).setPassword(options.get("keysPassword"));
            }
        };
    }

    static Merlin crypto(Map<String, String> options) throws Exception {
        Merlin crypto = new Merlin();
        if (options.containsKey("keys")) {
            crypto.setKeyStore(store(options.get("keys"), options.get("keysPassword")));
        }
        if (options.containsKey("trusted")) {
            crypto.setTrustStore(trusted(options.get("trusted")));
        }
        return crypto;
    }

    static X509Certificate certificate(Map<String, String> options, String alias) throws Exception {
        return (X509Certificate) store(options.get("keys"), options.get("keysPassword")).getCertificate(alias);
    }

    /** What TLS shows. */
    static KeyManager[] managers(String file, String password) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store(file, password), password.toCharArray());
        return keys.getKeyManagers();
    }

    private static KeyStore store(String file, String password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream octets = new FileInputStream(file)) {
            store.load(octets, password.toCharArray());
        }
        return store;
    }

    private static KeyStore trusted(String certificates) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        try (FileInputStream octets = new FileInputStream(certificates)) {
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(octets)) {
                store.setCertificateEntry("trusted" + number++, certificate);
            }
        }
        return store;
    }
}
