import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;

import javax.xml.parsers.DocumentBuilderFactory;

import net.shibboleth.shared.resolver.CriteriaSet;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.saml.OpenSAMLUtil;
import org.apache.wss4j.common.saml.SamlAssertionWrapper;
import org.apache.wss4j.dom.WSDocInfo;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.saml.WSSSAMLKeyInfoProcessor;
import org.apache.wss4j.dom.validate.Credential;
import org.apache.wss4j.dom.validate.SamlAssertionValidator;
import org.apache.xml.security.encryption.XMLCipher;
import org.opensaml.core.xml.XMLObject;
import org.opensaml.core.xml.config.XMLObjectProviderRegistrySupport;
import org.opensaml.core.xml.schema.XSString;
import org.opensaml.saml.common.assertion.ValidationContext;
import org.opensaml.saml.common.assertion.ValidationResult;
import org.opensaml.saml.saml2.assertion.SAML20AssertionValidator;
import org.opensaml.saml.saml2.assertion.SAML2AssertionValidationParameters;
import org.opensaml.saml.saml2.assertion.impl.AudienceRestrictionConditionValidator;
import org.opensaml.saml.saml2.assertion.impl.BearerSubjectConfirmationValidator;
import org.opensaml.saml.saml2.core.Assertion;
import org.opensaml.saml.saml2.core.EncryptedAssertion;
import org.opensaml.saml.saml2.encryption.Decrypter;
import org.opensaml.saml.security.impl.SAMLSignatureProfileValidator;
import org.opensaml.security.credential.impl.StaticCredentialResolver;
import org.opensaml.security.x509.BasicX509Credential;
import org.opensaml.xmlsec.encryption.support.InlineEncryptedKeyResolver;
import org.opensaml.xmlsec.keyinfo.impl.StaticKeyInfoCredentialResolver;
import org.opensaml.xmlsec.signature.support.impl.ExplicitKeySignatureTrustEngine;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * Services that take tokens: one on WSS4J, and one on OpenSAML.
 *
 * <p>{@code wss4j} and {@code opensaml} with, in base64, the token, the issuer's name, its certificate (PEM), the
 * service's names as audience and as recipient, its key and certificate (PEM). The answer is the subject's name, and name
 * and value of each attribute.
 */
public final class ConsumerProbe implements Lines.Client {
    private static final String XENC = "http://www.w3.org/2001/04/xmlenc#";

    public static void main(String[] arguments) throws Exception {
        WSSConfig.init();
        Lines.serve(new ConsumerProbe());
    }

    @Override
    public String[] answer(String[] words) throws Exception {
        List<String> told = new ArrayList<>();
        for (int index = 1; index < words.length; index++) {
            told.add(new String(Base64.getDecoder().decode(words[index]), StandardCharsets.UTF_8));
        }
        return words[0].equals("wss4j") ? wss4j(told) : openSaml(told);
    }

    @Override
    public String code(Throwable cause) {
        return null;
    }

    private static String[] wss4j(List<String> told) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("sts", certificate(told.get(2)));
        Merlin crypto = new Merlin();
        crypto.setKeyStore(trusted);
        Element element = decrypted(parse(told.get(0)), key(told.get(5)));
        RequestData data = new RequestData();
        data.setSigVerCrypto(crypto);
        data.setAudienceRestrictions(List.of(told.get(3)));
        data.setWsDocInfo(new WSDocInfo(element.getOwnerDocument()));
        SamlAssertionWrapper assertion = new SamlAssertionWrapper(element);
        if (!assertion.isSigned()) {
            throw new SecurityException("not signed");
        }
        assertion.verifySignature(new WSSSAMLKeyInfoProcessor(data), crypto);
        assertion.parseSubject(new WSSSAMLKeyInfoProcessor(data), crypto);
        Credential credential = new Credential();
        credential.setSamlAssertion(assertion);
        new SamlAssertionValidator().validate(credential, data);
        if (!assertion.getIssuerString().equals(told.get(1))) {
            throw new SecurityException("another issuer");
        }
        List<String> answer = new ArrayList<>(List.of(assertion.getSubjectName()));
        if (assertion.getSaml2() != null) {
            return attributes(assertion.getSaml2(), answer);
        }
        assertion.getSaml1().getAttributeStatements().forEach(statement -> statement.getAttributes().forEach(
            attribute -> attribute.getAttributeValues().forEach(value -> {
                answer.add(attribute.getAttributeNamespace() + "/" + attribute.getAttributeName());
                answer.add(text(value));
            })));
        return answer.toArray(new String[0]);
    }

    private static String[] openSaml(List<String> told) throws Exception {
        OpenSAMLUtil.initSamlEngine();
        Element element = parse(told.get(0));
        XMLObject found = XMLObjectProviderRegistrySupport.getUnmarshallerFactory().getUnmarshaller(element).unmarshall(element);
        if (found instanceof EncryptedAssertion sealed) {
            BasicX509Credential own = new BasicX509Credential(certificate(told.get(6)), key(told.get(5)));
            Decrypter decrypter = new Decrypter(
                null, new StaticKeyInfoCredentialResolver(own), new InlineEncryptedKeyResolver());
            decrypter.setRootInNewDocument(true);
            found = decrypter.decrypt(sealed);
        }
        Assertion assertion = (Assertion) found;
        BasicX509Credential sts = new BasicX509Credential(certificate(told.get(2)));
        sts.setEntityId(told.get(1));
        SAML20AssertionValidator validator = new SAML20AssertionValidator(
            List.of(new AudienceRestrictionConditionValidator()),
            List.of(new BearerSubjectConfirmationValidator()),
            List.of(),
            null,
            new ExplicitKeySignatureTrustEngine(
                new StaticCredentialResolver(sts), new StaticKeyInfoCredentialResolver(sts)),
            new SAMLSignatureProfileValidator());
        ValidationContext context = new ValidationContext(Map.of(
            SAML2AssertionValidationParameters.SIGNATURE_REQUIRED, true,
            SAML2AssertionValidationParameters.SIGNATURE_VALIDATION_CRITERIA_SET, new CriteriaSet(),
            SAML2AssertionValidationParameters.VALID_ISSUERS, Set.of(told.get(1)),
            SAML2AssertionValidationParameters.COND_VALID_AUDIENCES, Set.of(told.get(3)),
            SAML2AssertionValidationParameters.SC_VALID_RECIPIENTS, Set.of(told.get(4)),
            SAML2AssertionValidationParameters.SC_CHECK_ADDRESS, false));
        if (validator.validate(assertion, context) != ValidationResult.VALID) {
            throw new SecurityException(String.join("; ", context.getValidationFailureMessages()));
        }
        return attributes(assertion, new ArrayList<>(List.of(assertion.getSubject().getNameID().getValue())));
    }

    private static String[] attributes(Assertion assertion, List<String> answer) {
        assertion.getAttributeStatements().forEach(statement -> statement.getAttributes().forEach(
            attribute -> attribute.getAttributeValues().forEach(value -> {
                answer.add(attribute.getName());
                answer.add(text(value));
            })));
        return answer.toArray(new String[0]);
    }

    private static String text(XMLObject value) {
        return value instanceof XSString string ? string.getValue() : value.getDOM().getTextContent();
    }

    /** The assertion, which may be in an EncryptedData, with or without an EncryptedAssertion around it. */
    private static Element decrypted(Element element, PrivateKey key) throws Exception {
        boolean sealed = element.getLocalName().equals("EncryptedData");
        Element data = sealed ? element : (Element) element.getElementsByTagNameNS(XENC, "EncryptedData").item(0);
        if (data == null || element.getLocalName().equals("Assertion")) {
            return element;
        }
        XMLCipher cipher = XMLCipher.getInstance();
        cipher.init(XMLCipher.DECRYPT_MODE, null);
        cipher.setKEK(key);
        byte[] opened = cipher.decryptToByteArray(data);
        return parse(new String(opened, StandardCharsets.UTF_8));
    }

    private static Element parse(String markup) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        Document document = factory.newDocumentBuilder()
            .parse(new ByteArrayInputStream(markup.getBytes(StandardCharsets.UTF_8)));
        return document.getDocumentElement();
    }

    private static X509Certificate certificate(String pem) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
    }

    private static PrivateKey key(String pem) throws Exception {
        byte[] octets = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(octets));
    }
}
